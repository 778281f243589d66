package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"notifier/sql/pgtest"
)

// run calls the program to its end.
func run(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), notifierBinary(t), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return string(out), err
}

func TestADatabaseThatIsNotMigratedIsWaitedFor(t *testing.T) {
	db := pgtest.Clinic(t)
	p := serve(t, db)
	p.awaitNotReady("not_migrated")
	if code, status := dial(t, p.addr, "", nil).ending(); code != "unavailable" || status != 1013 {
		t.Errorf("/ws: got %s and close code %d, want unavailable and 1013", code, status)
	}
	if status, _ := p.get("/livez"); status != 200 {
		t.Errorf("/livez: %d, want 200", status)
	}
	if out, err := run(t, "migrate", "up", "--database-url", db.URL(pgtest.Owner)); err != nil || !strings.Contains(out, "applied 00001") {
		t.Fatalf("migrate up: %v: %s", err, out)
	}
	p.awaitReady()
	if status, body := p.get("/readyz"); status != 200 || !strings.Contains(body, `"ready":true`) {
		t.Errorf("/readyz: %d %s, want 200", status, body)
	}
	join(t, p.addr, "1", "")
}

func TestADatabaseThatIsAwayIsSaidSoWithoutThePassword(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := nobody.Addr().String()
	_ = nobody.Close() // the port is free, and nobody answers
	p := serve(t, pgtest.Clinic(t), "--database-url", "postgres://notifier_runtime:geheim-password@"+addr+"/clinic")
	p.logs.await(t, "feed_failed")
	p.logs.await(t, "listener_lost")
	p.awaitNotReady("database_away")
	if strings.Contains(p.logs.text(), "geheim") {
		t.Error("the log contains the database password")
	}
}

func TestSIGTERMSendsEverybodyToAnotherDaemonAndEndsWithStatusZero(t *testing.T) {
	p := serveReady(t, clinic(t), "--drain", "1s")
	var screens []*screen
	for range 10 {
		s, _ := join(t, p.addr, "1", "")
		screens = append(screens, s)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.awaitNotReady("draining")
	p.awaitClosed()
	for i, s := range screens {
		if code, status := s.ending(); code != "restart" || status != websocket.StatusServiceRestart {
			t.Errorf("screen %d: got %s and close code %d, want restart and 1012", i, code, status)
		}
	}
	if <-p.ended; p.err != nil {
		t.Errorf("the daemon ended with %v", p.err)
	}
}

func TestGarbageOnTheChannelStopsNothing(t *testing.T) {
	db := clinic(t)
	book(db, 1, 1, 1)
	p := serveReady(t, db)
	screen, _ := join(t, p.addr, "1", "")
	db.Exec(pgtest.Superuser, `
		SELECT pg_notify('notifier_bell', repeat('x', 7000) || n), pg_notify('notifier_event', 'João ' || n),
		       pg_notify('notifier_bell', '{"v":2,"n":' || n || '}')
		FROM generate_series(1, 500) AS n`)
	finish(db, 1)
	if got := appointmentID(t, screen.event()); got != 1 {
		t.Errorf("got appointment %d, want 1", got)
	}
	p.awaitMetric(`notifier_bells_total{outcome="garbage"} 1500`)
	if n := strings.Count(p.logs.text(), "bell_garbage"); n < 1 || n > 5 {
		t.Errorf("garbage was logged %d times, want once for each kind", n)
	}
}

func TestTailGoesOnAcrossARestartOfTheDaemon(t *testing.T) {
	db := clinic(t)
	book(db, 1, 1, 30)
	p := serveReady(t, db)
	cmd := exec.CommandContext(t.Context(), notifierBinary(t), "tail", "--url", "ws://"+p.addr+"/ws")
	cmd.Env = append(os.Environ(), "NOTIFIER_TOKEN="+token(t, "1"))
	out, stderr := newLogTail(), newLogTail()
	cmd.Stdout, cmd.Stderr = out, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.awaitText(t, "connected")
	for id := 1; id <= 10; id++ {
		finish(db, id)
	}
	out.awaitLines(t, 10)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	for id := 11; id <= 20; id++ {
		finish(db, id)
	}
	serveReady(t, db, "--addr", p.addr)
	out.awaitLines(t, 20)
	for id := 21; id <= 30; id++ {
		finish(db, id)
	}
	lines := out.awaitLines(t, 30)
	for i, line := range lines {
		text, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`"id":%d,`, i+1); line["event"] != "appointmnents.finished" || !strings.Contains(string(text), want) {
			t.Errorf("line %d is %s, want appointment %d", i, text, i+1)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("tail ended with %v; it said: %s", err, stderr.text())
	}
}
