//go:build packages

package packagetest

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"notifier/auth"
	"notifier/cmd/notifier/chaos/link"
	"notifier/sql/pgtest"
	"notifier/sql/postgres"
)

func itoa(n int) string { return strconv.Itoa(n) }

const signingKey = "packagetest-key-2a61b97fd0c44ab8e0"

// database is a clinic's, at a TCP address that the machine reaches.
func database(t *testing.T) (db *pgtest.DB, url string) {
	t.Helper()
	db = pgtest.Migrated(t)
	db.Exec(pgtest.Owner, `
		INSERT INTO accounts (id, name) VALUES (1, 'Clínica');
		INSERT INTO doctors (id, "accountId", name, "isBusy") VALUES (1, 1, 'Dr. Victor', true);
		INSERT INTO patients (id, "accountId", name) VALUES (1, 1, 'Joaquina');
		INSERT INTO appointments (id, date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT n, '2025-01-23', '09:00', '09:15', 1, 1, 1, 2 FROM generate_series(1, 3) AS n`)
	address := through(t, pgtest.Server(t))
	url, err := postgres.TCPURL(pgtest.Runtime, db.Name, address)
	if err != nil {
		t.Fatal(err)
	}
	return db, url
}

// serving waits until the daemon that was started last is ready, and gives its address.
func (m *machine) serving() (addr string) {
	m.t.Helper()
	const journal = `journalctl --no-pager --output=cat _SYSTEMD_INVOCATION_ID="$(systemctl show notifier --value --property=InvocationID)"`
	var admin string
	m.await("the daemon to serve", func() bool {
		for line := range strings.Lines(m.try(journal)) {
			var event struct {
				Msg, Addr string
				Admin     string `json:"admin_addr"`
			}
			if json.Unmarshal([]byte(line), &event) == nil && event.Msg == "serving" {
				addr, admin = event.Addr, event.Admin
			}
		}
		if admin == "" {
			return false
		}
		answer, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return addr
}

// delivers ends an appointment, and waits for it at a screen.
func delivers(t *testing.T, db *pgtest.DB, addr string, appointment int) {
	t.Helper()
	token, err := auth.Sign([]byte(signingKey), auth.Claims{Account: "1", Subject: "7"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	conn, _, err := websocket.Dial(ctx, "ws://"+addr+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, welcome, err := conn.Read(ctx); err != nil || !strings.Contains(string(welcome), `"welcome"`) {
		t.Fatalf("the screen is welcomed by %s, %v", welcome, err)
	}
	db.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, appointment)
	if _, frame, err := conn.Read(ctx); err != nil || !strings.Contains(string(frame), `"data":{"id":`+itoa(appointment)+",") {
		t.Errorf("the screen hears %s, %v", frame, err)
	}
}

// The whole life of an installation, with systemd as it is on any Debian.
func TestThePackageIsInstalledRunUpgradedAndPurged(t *testing.T) {
	first, second := filepath.Join(dist(t, older), "notifier_amd64.deb"), filepath.Join(dist(t, newer), "notifier_amd64.deb")
	db, url := database(t)
	m := newMachine(t)

	m.install(first)
	m.is("dpkg-query --show --showformat='${Status} ${Version}' notifier", "install ok installed 1.2.3~rc.1")
	m.is("stat --format='%U:%G %a' /etc/notifier /etc/notifier/notifier.env | paste -sd' '", "root:notifier 750 root:notifier 640")
	m.is("systemctl is-enabled notifier", "disabled")
	if got := m.state("ActiveState"); got != "inactive" {
		t.Errorf("freshly installed it is %s", got)
	}
	m.try("systemctl start notifier")
	if got := m.state("ActiveState Result ExecMainStatus NRestarts"); got != "failed exit-code 2 0" {
		t.Errorf("without settings it is %q, and should say so, once", got)
	}
	m.run("systemctl reset-failed notifier")

	const settings = "NOTIFIER_ADDR=127.0.0.1:0\nNOTIFIER_ADMIN_ADDR=127.0.0.1:0\nNOTIFIER_PEER_ADDR=off\nNOTIFIER_DRAIN=0s\n" +
		"NOTIFIER_JWT_SECRET_FILE=/etc/notifier/jwt-secret\n"
	m.write("/etc/notifier/notifier.env", settings+"NOTIFIER_DATABASE_URL="+url+"\n")
	m.write("/etc/notifier/jwt-secret", signingKey)
	m.run("chown root:notifier /etc/notifier/jwt-secret; chmod 640 /etc/notifier/jwt-secret")
	m.run("systemctl enable --now notifier")
	addr := m.serving()
	m.isConfined()
	delivers(t, db, addr, 1)

	m.write("/etc/notifier/notifier.env", settings+"NOTIFIER_DATABASE_URL="+url+"\nNOTIFIER_LOG_LEVEL=debug\n")
	m.run("systemctl reload notifier")
	m.await("the reload", func() bool { return strings.Contains(m.journal(), `"msg":"reloaded","changed":["log-level"]`) })

	before := m.state("InvocationID")
	m.install(second)
	m.is("/usr/bin/notifier version | cut -d' ' -f2", newer)
	m.is("tail -n 1 /etc/notifier/notifier.env", "NOTIFIER_LOG_LEVEL=debug")
	if after := m.state("InvocationID"); after == before {
		t.Error("the old daemon runs after the upgrade")
	}
	if !strings.Contains(m.journal(), `"msg":"stopped"`) {
		t.Errorf("the old daemon was not drained:\n%s", m.journal())
	}
	addr = m.serving()
	delivers(t, db, addr, 2)

	m.hangs()
	addr = m.serving()
	delivers(t, db, addr, 3)

	m.run("dpkg --remove notifier")
	m.is("ls /usr/bin/notifier /usr/lib/systemd/system/notifier.service 2>/dev/null | wc -l", "0")
	m.is("ls /etc/notifier | paste -sd' '", "jwt-secret notifier.env")
	m.is("grep -lx notifier /proc/[0-9]*/comm || echo none", "none")
	m.run("dpkg --purge notifier")
	m.is("ls -d /etc/notifier 2>/dev/null || echo gone", "gone")
	m.is("systemctl --failed --quiet --no-legend | wc -l", "0")
}

// isConfined looks at the process itself: what the kernel knows, and not what the unit says.
func (m *machine) isConfined() {
	m.t.Helper()
	pid := m.state("MainPID")
	m.is("awk '/^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):/ { printf \"%s \", $2 }' /proc/"+pid+"/status",
		"0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 1 2")
	m.is("stat --format=%U /proc/"+pid, "notifier")
	for _, mount := range []string{"/", "/etc", "/usr", "/home"} {
		if m.try("nsenter --target "+pid+" --mount touch "+mount+"/x && echo written") == "written\n" {
			m.t.Errorf("%s can be written to", mount)
		}
	}
}

// hangs lets the watchdog find a daemon that does nothing any more, sooner than it would.
func (m *machine) hangs() {
	m.t.Helper()
	m.run("mkdir -p /run/systemd/system/notifier.service.d")
	m.write("/run/systemd/system/notifier.service.d/test.conf", "[Service]\nWatchdogSec=2\nRestartSec=100ms\n")
	m.run("systemctl daemon-reload; systemctl restart notifier")
	m.serving()
	before := m.state("InvocationID")
	m.run("kill -STOP " + m.state("MainPID"))
	m.await("the watchdog", func() bool { return m.state("NRestarts") != "0" && m.state("ActiveState") == "active" })
	if !strings.Contains(m.try("journalctl --no-pager --output=cat _PID=1"), "Watchdog timeout") || m.state("InvocationID") == before {
		m.t.Error("it was another cause that started it again")
	}
	m.run("rm -r /run/systemd/system/notifier.service.d; systemctl daemon-reload")
}

func TestTheUnitIsGoodAndHardened(t *testing.T) {
	t.Parallel()
	unit := filepath.Join(t.TempDir(), "notifier.service")
	text, err := os.ReadFile(filepath.Join(root, "deploy/systemd/notifier.service"))
	if err != nil {
		t.Fatal(err)
	}
	here := strings.Replace(string(text), "/usr/bin/notifier", "/bin/true", 1) // the program must exist
	if err := os.WriteFile(unit, []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	output(t, nil, "systemd-analyze", "verify", "--man=no", unit)
	report := output(t, nil, "systemd-analyze", "security", "--offline=true", "--threshold=15", unit)
	lines := strings.Split(strings.TrimSpace(report), "\n")
	t.Log(lines[len(lines)-1])
}

// through is the server's TCP address: it has a Unix socket only, in a folder of its own.
func through(t *testing.T, server *postgres.Server) string {
	t.Helper()
	way, err := link.Listen(t.Context(), "127.0.0.1:0", link.To("unix", server.SocketDir()+"/.s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- way.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return way.Addr()
}
