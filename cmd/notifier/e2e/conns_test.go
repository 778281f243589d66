package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/cmd/notifier/leaktest"
	"notifier/sql/pgtest"
	"notifier/wsroom/socketio/stocktest"
)

// adminToken is what the daemons of these tests have as --admin-token.
const adminToken = "admin-token-7d20c1e55f"

// guardedDaemon is a daemon that wants the admin token.
func guardedDaemon(t testing.TB, db *pgtest.DB, flags ...string) *process {
	t.Helper()
	noteSecrets(t, db)
	if err := leaktest.Secret(leaktest.Password, adminToken); err != nil {
		t.Error(err)
	}
	cmd := exec.Command(notifierBinary(t), serveArguments(db, flags)...)
	cmd.Env = []string{"NOTIFIER_ADMIN_TOKEN=" + adminToken}
	p := launch(t, cmd)
	p.awaitReady()
	return p
}

// ask runs a command that asks the daemon, and returns what it prints.
func (p *process) ask(arguments ...string) string {
	p.t.Helper()
	out, err := p.tryToAsk(arguments...)
	if err != nil {
		p.t.Fatalf("%q: %v", arguments, err)
	}
	return out
}

// tryToAsk is ask for a command that may fail. No token may be in what it prints.
func (p *process) tryToAsk(arguments ...string) (string, error) {
	p.t.Helper()
	cmd := exec.Command(notifierBinary(p.t), append(arguments, "--admin-url", "http://"+p.admin)...)
	cmd.Env = append(os.Environ(), "NOTIFIER_ADMIN_TOKEN="+adminToken)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, &stderr)
	}
	if text := string(out) + stderr.String(); strings.Contains(text, "eyJ") || strings.Contains(text, adminToken) {
		p.t.Errorf("%q: a token is in %s", arguments, text)
	}
	return string(out), err
}

// connsSeen is what conns --json has to say.
type connsSeen struct {
	Total, More int
	Daemons     []struct {
		Daemon, Error string
		Total         int
	}
	Connections []struct {
		Conn, Daemon, Account, Subject, Protocol, Transport, State string
		UserAgent                                                  string    `json:"user_agent"`
		RemoteAddr                                                 string    `json:"remote_addr"`
		TokenEnds                                                  time.Time `json:"token_ends"`
		QueuedSeq                                                  int       `json:"queued_seq"`
		WrittenSeq                                                 int       `json:"written_seq"`
		Since                                                      time.Time
	}
}

func (p *process) conns(arguments ...string) (seen connsSeen) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.ask(append([]string{"conns", "--json"}, arguments...)...)), &seen); err != nil {
		p.t.Fatal(err)
	}
	return seen
}

// awaitConns returns when so many are live.
func (p *process) awaitConns(n int) connsSeen {
	p.t.Helper()
	for deadline := time.Now().Add(e2ePatience); ; {
		seen, live := p.conns(), 0
		for _, c := range seen.Connections {
			if c.State == "live" {
				live++
			}
		}
		if live == n && seen.Total == n {
			return seen
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("want %d live connections, got %+v", n, seen)
		}
	}
}

func joinAs(t testing.TB, addr, account, agent, query string) *screen {
	t.Helper()
	s := dial(t, addr, query, &websocket.DialOptions{HTTPHeader: http.Header{
		"Authorization": {"Bearer " + token(t, account)}, "User-Agent": {agent},
	}})
	if welcome := s.next(); welcome.Type != "welcome" {
		t.Fatalf("got %+v, want a welcome", welcome)
	}
	return s
}

// The clients are at two daemons, and only one is asked.
func TestConnsAndKickReachAllDaemons(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 3)
	one, two := guardedDaemon(t, db), guardedDaemon(t, db)
	awaitPeers(t, one, two)
	plain := joinAs(t, one.addr, "1", "Tela da recepção\t1.0", "")
	other := joinAs(t, one.addr, "2", "", "")
	stock := map[string]*stocktest.Client{
		"websocket": joinStock(t, two.addr, `["websocket"]`), "polling": joinStock(t, two.addr, `["polling"]`),
	}
	for _, screen := range stock {
		screen.Next("connect")
	}
	finish(db, 1)
	last := plain.event().ID
	for _, screen := range stock {
		screen.WantEvents(1, 1)
	}

	seen := one.awaitConns(4)
	mine, theirs := seen.Daemons[0].Daemon, seen.Daemons[1].Daemon // the oldest comes first
	want := map[string]string{
		"ws websocket 1": mine, "ws websocket 2": mine, "socketio websocket 1": theirs, "socketio polling 1": theirs,
	}
	for _, c := range seen.Connections {
		key := c.Protocol + " " + c.Transport + " " + c.Account
		if want[key] != c.Daemon || !strings.HasPrefix(c.Conn, c.Daemon+".") || c.Subject != "7" || !strings.HasPrefix(c.RemoteAddr, "127.0.0.1:") {
			t.Errorf("%+v", c)
		}
		if left := time.Until(c.TokenEnds); left < 50*time.Minute || left > 70*time.Minute {
			t.Errorf("%s: its token ends in %s", c.Conn, left)
		}
		if at := map[string]int{"1": 1, "2": 0}[c.Account]; c.WrittenSeq != at || c.QueuedSeq != at || time.Since(c.Since) > time.Minute {
			t.Errorf("%+v; want it at event %d", c, at)
		}
		if key == "ws websocket 1" && c.UserAgent != "Tela da recepção?1.0" {
			t.Errorf("its user agent is %q", c.UserAgent)
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
	if got := two.conns("--account", "2", "--subject", "7"); got.Total != 1 || got.Connections[0].Daemon != mine {
		t.Errorf("of account 2: %+v", got)
	}
	if got := one.conns("--subject", "8"); got.Total != 0 {
		t.Errorf("of subject 8: %+v", got)
	}
	if got := one.conns("--limit", "3"); got.Total != 4 || got.More != 1 || len(got.Connections) != 3 {
		t.Errorf("with a limit: %+v", got)
	}
	table := one.ask("conns", "--limit", "3")
	for _, part := range []string{"TOKEN ENDS", "Tela da recepção?1.0", "… and 1 more", "daemon " + theirs + ": 2 connections", "in 59m"} {
		if !strings.Contains(table, part) {
			t.Errorf("the table has no %q:\n%s", part, table)
		}
	}

	out := one.ask("kick", "--account", "1")
	finish(db, 2)
	if !strings.Contains(out, "daemon "+theirs+": 2 closed") || !strings.Contains(out, "3 connections closed") {
		t.Errorf("kick says\n%s", out)
	}
	if code, status := plain.ending(); code != "restart" || status != 1012 {
		t.Errorf("the plain one ended with %s and %d", code, status)
	}
	plain = joinAs(t, two.addr, "1", "", "?cursor="+last)
	if got := plain.event(); !strings.Contains(string(got.Data), `"id":2,`) {
		t.Errorf("the plain one came back to %s, want appointment 2", got.Data)
	}
	for name, screen := range stock {
		if got := screen.Next("disconnect"); got.Reason != "transport close" {
			t.Errorf("%s: disconnected by %q", name, got.Reason)
		}
		if got := screen.Next("connect", "connect_error"); !got.Recovered {
			t.Errorf("%s: came back as %+v", name, got)
		}
		screen.WantEvents(2, 2)
	}
	one.logs.await(t, "connections_kicked")
	if closed := sum(t, "notifier_connections_kicked_total", one, two); closed != 3 {
		t.Errorf("%d are counted as kicked, want 3", closed)
	}

	for _, c := range two.awaitConns(4).Connections {
		if c.Account == "2" {
			if out := two.ask("kick", "--conn", c.Conn); !strings.Contains(out, "1 connection closed") {
				t.Errorf("kick says\n%s", out)
			}
		}
	}
	if code, status := other.ending(); code != "restart" || status != 1012 {
		t.Errorf("the other one ended with %s and %d", code, status)
	}
	if out := one.ask("kick", "--conn", mine+".999"); !strings.Contains(out, "Nobody is connected who fits.") {
		t.Errorf("kick says\n%s", out)
	}
	assertPrivate(t, one.logs.text())
	assertPrivate(t, two.logs.text())
}

func TestADaemonThatHangsOrIsGoneIsALine(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	one, two := guardedDaemon(t, db), guardedDaemon(t, db)
	awaitPeers(t, one, two)
	join(t, one.addr, "1", "")
	join(t, two.addr, "1", "")
	one.awaitConns(2)

	if err := two.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if table := one.ask("conns"); !strings.Contains(table, ": no answer: it did not answer in time") || !strings.Contains(table, ": 1 connection\n") {
		t.Errorf("while the other hangs:\n%s", table)
	}
	body := one.getWithToken("/api/status")
	if !strings.Contains(body, `"error":"it did not answer in time"`) || !strings.Contains(body, `"connections":1,`) {
		t.Errorf("while the other hangs: %s", body)
	}
	two.kill()
	out, err := one.tryToAsk("kick", "--account", "1")
	if err == nil || !strings.Contains(out, ": no answer: it cannot be reached") || !strings.Contains(out, "1 connection closed") {
		t.Errorf("when the other is gone: %v\n%s", err, out)
	}
}

func TestADaemonThatIsAloneSaysSo(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	p := guardedDaemon(t, db, "--peer-addr", "off")
	join(t, p.addr, "1", "")
	if table := p.ask("conns"); !strings.Contains(table, "this daemon is alone (--peer-addr off)") || !strings.Contains(table, ": 1 connection\n") {
		t.Errorf("conns says\n%s", table)
	}
	if body := p.getWithToken("/api/status"); !strings.Contains(body, `"alone":true`) {
		t.Errorf("status is %s", body)
	}
}

// getWithToken is get for who may look inside.
func (p *process) getWithToken(path string) (body string) {
	p.t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+p.admin+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	request.SetBasicAuth("anybody", adminToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		p.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s: %s", path, response.Status, &text)
	}
	return text.String()
}
