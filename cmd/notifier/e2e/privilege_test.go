package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/lestrrat-go/jwx/v2/jwa"

	"notifier/cmd/notifier/chaos/link"
	"notifier/sql/pgtest"
	"notifier/sql/postgres"
)

// readOnly runs a command where every file system is read-only, /tmp and /dev/shm too: in a mount namespace of its own, which root may make, and
// elsewhere whoever may have a user namespace.
const readOnly = `for mount in $(awk '{ print $5 }' /proc/self/mountinfo | sort -u); do mount -o remount,bind,ro "$mount"; done; exec "$@"`

// confined is a command without root, capabilities, or a place to write to. It keeps its process id.
func confined(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	namespaces, user := []string{"--user", "--map-root-user"}, []string{}
	if os.Geteuid() == 0 {
		namespaces, user = nil, []string{"--reuid=65534", "--regid=65534", "--clear-groups"} // nobody
	}
	line := append(namespaces, "--mount", "--propagation=private", "sh", "-euc", readOnly, "sh",
		"setpriv", "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all")
	line = append(append(line, user...), program)
	return exec.Command("unshare", append(line, args...)...)
}

// serveConfined is serveReady, and proves that the daemon is what it should be.
func serveConfined(t *testing.T, db *pgtest.DB, flags ...string) *process {
	t.Helper()
	binary := notifierBinary(t)
	if err := os.Chmod(filepath.Dir(binary), 0o755); err != nil { // nobody has to find the program
		t.Fatal(err)
	}
	p := launch(t, confined(t, binary, serveArguments(db, flags)...))
	p.awaitReady()
	status := map[string]string{}
	for _, line := range strings.Split(readProc(t, p, "status"), "\n") {
		name, value, _ := strings.Cut(line, ":")
		status[name] = strings.Join(strings.Fields(value), " ")
	}
	const none = "0000000000000000"
	for name, want := range map[string]string{"CapEff": none, "CapPrm": none, "CapInh": none, "CapBnd": none, "CapAmb": none, "NoNewPrivs": "1"} {
		if status[name] != want {
			t.Errorf("the daemon's %s is %s, want %s", name, status[name], want)
		}
	}
	if strings.Contains(" "+status["Uid"]+" "+status["Gid"]+" ", " 0 ") {
		t.Errorf("the daemon is root: uid %s, gid %s", status["Uid"], status["Gid"])
	}
	options := map[string]string{} // of several mounts at one place the last one is seen
	for _, line := range strings.Split(strings.TrimSpace(readProc(t, p, "mountinfo")), "\n") {
		fields := strings.Fields(line)
		options[fields[4]] = fields[5]
	}
	for place, how := range options {
		if how != "ro" && !strings.HasPrefix(how, "ro,") {
			t.Errorf("the daemon can write below %s: %s", place, how)
		}
	}
	return p
}

func readProc(t *testing.T, p *process, file string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheDaemonDoesAllOfItsJobWithoutRootOnAReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	written := filepath.Join(os.TempDir(), "notifier-written")
	if out, err := confined(t, "touch", written).CombinedOutput(); err == nil || !strings.Contains(string(out), "Read-only file system") {
		t.Fatalf("to make file systems read-only this test needs root or user namespaces, and util-linux (unshare, setpriv, mount): %v: %s", err, out)
	}
	db := clinic(t)
	book(db, 1, 1, 4)
	way, err := link.Listen(t.Context(), "127.0.0.1:0", link.To("unix", pgtest.Server(t).SocketDir()+"/.s.PGSQL.5432")) // whose folder is the server's own
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ran <- way.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	url, err := postgres.TCPURL(pgtest.Runtime, db.Name, way.Addr())
	if err != nil {
		t.Fatal(err)
	}
	provider := newIssuer(t)
	flags := []string{"--database-url", url, "--jwks-url", provider.url}
	p := serveConfined(t, db, flags...)

	screen, _ := join(t, p.addr, "1", "")
	stock := &light{socketIO: true, account: "1", token: token(t, "1")}
	conn, err := stock.connect(t.Context(), p.addr)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = stock.follow(t.Context(), conn) }()
	finish(db, 1)
	first := screen.event()
	finish(db, 2)
	screen.event()
	(&crowd{t: t}).await("for the events", func(l *light) bool { return l.received() == 2 }, stock)
	if busy := pgtest.Get[bool](db, `SELECT "isBusy" FROM doctors WHERE id = 1`); busy {
		t.Error("the doctor was not released")
	}
	if back, welcome := join(t, p.addr, "1", "?cursor="+first.ID); !welcome.Recovered || appointmentID(t, back.event()) != 2 {
		t.Errorf("the replay: %+v", welcome)
	}
	signed := sign(t, jwa.RS256, provider.private, map[string]any{"accountId": 1, "exp": time.Now().Add(time.Hour).Unix()})
	byKey := dial(t, p.addr, "", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + signed}}})
	if welcome := byKey.next(); welcome.AccountID != "1" {
		t.Errorf("a token by the key of the JWKS: %+v", welcome)
	}

	again := serveConfined(t, db, flags...)
	awaitPeers(t, p, again)
	_, sid := poll(t, p, "")
	sid = textBetween([]byte(sid), `"sid":"`, `"`)
	go func() { // what the GET waits for
		target := "http://" + p.addr + "/socket.io/?EIO=4&transport=polling&sid=" + sid
		if response, err := http.Post(target, "text/plain", strings.NewReader(`40{"token":"`+stock.token+`"}`)); err == nil {
			_ = response.Body.Close()
		}
	}()
	if status, body := poll(t, again, "&sid="+sid); status != 200 || !strings.HasPrefix(body, `40{"sid"`) {
		t.Errorf("a poll by way of the other daemon: %d %s", status, body)
	}
	db.Exec(pgtest.Superuser, `UPDATE notifier.event SET numbered_at = numbered_at - interval '1 hour' WHERE seq = 1`)
	third := serveConfined(t, db, append(flags, "--retention", "1m")...) // it prunes at its start
	third.awaitMetric("notifier_pruned_events_total 1")
	for _, p := range []*process{p, again, third} {
		if status, body := p.get("/readyz"); status != http.StatusOK || strings.Contains(body, `"code"`) {
			t.Errorf("/readyz: %d %s", status, body)
		}
		if err := p.stop(); err != nil {
			t.Errorf("SIGTERM: %v", err)
		}
		if strings.Contains(p.logs.text(), `"level":"ERROR"`) {
			t.Errorf("an error was logged: %s", p.logs.text())
		}
	}
	assertPrivate(t, p.logs.text())
}

// poll is one GET of long-polling.
func poll(t *testing.T, p *process, query string) (status int, body string) {
	t.Helper()
	response, err := http.Get("http://" + p.addr + "/socket.io/?EIO=4&transport=polling" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// The role that the test above has done all with: sql tests it statement by statement.
func TestTheDaemonsRoleHasNoRightOnTheClinicsTables(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	if tables := pgtest.Get[int](db, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`); tables != 8 {
		t.Errorf("%d tables, want the clinic's 8", tables)
	}
	got := pgtest.Get[string](db, `SELECT coalesce(string_agg(c.oid::regclass || ' ' || p, ', '), '')
		FROM pg_class AS c, unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) AS p
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p')
		  AND (has_table_privilege('notifier_runtime', c.oid, p || ', DELETE, TRUNCATE, TRIGGER') OR has_any_column_privilege('notifier_runtime', c.oid, p))`)
	if got != "" {
		t.Errorf("the runtime role may: %s", got)
	}
	got = pgtest.Get[string](db, `SELECT concat_ws(' ', CASE WHEN rolsuper THEN 'super' END, CASE WHEN rolcreaterole THEN 'createrole' END,
		CASE WHEN rolcreatedb THEN 'createdb' END, CASE WHEN rolreplication THEN 'replication' END, CASE WHEN rolbypassrls THEN 'bypassrls' END,
		(SELECT string_agg(roleid::regrole::text, ' ') FROM pg_auth_members WHERE member = r.oid))
		FROM pg_roles AS r WHERE rolname = 'notifier_runtime'`)
	if got != "" {
		t.Errorf("the runtime role is %s", got)
	}
}
