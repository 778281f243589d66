package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"notifier/wsroom/socketio/stocktest"
)

// joinStock starts a stock client of the newest version with these transports, for account 1. More options may follow, as members of a JSON object.
func joinStock(t testing.TB, addr, transports string, more ...string) *stocktest.Client {
	t.Helper()
	members := append([]string{fmt.Sprintf(`"transports":%s,"token":%q`, transports, token(t, "1"))}, more...)
	return stocktest.Start(t, "4.8", "{"+strings.Join(members, ",")+"}", "http://"+addr)
}

func TestStockClientsRecoverFromARestartOfAllDaemons(t *testing.T) {
	t.Parallel()
	const before, after = 10, 20
	db := clinic(t)
	book(db, 1, 1, after+1)
	p := serveReady(t, db)
	to := openLink(t, p.addr)
	screens := map[string]*stocktest.Client{
		"default": joinStock(t, to.Addr(), `["polling","websocket"]`), "websocket": joinStock(t, to.Addr(), `["websocket"]`),
		"polling": joinStock(t, to.Addr(), `["polling"]`),
	}
	for _, screen := range screens {
		screen.Next("connect")
	}
	for id := 1; id <= before; id++ {
		finish(db, id)
	}
	for _, screen := range screens {
		screen.WantEvents(1, before)
	}
	fresh := joinStock(t, to.Addr(), `["polling","websocket"]`)
	fresh.Next("connect")
	screens["before its first event"] = fresh
	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v; its log: %s", err, p.logs.text())
	}
	to.Refuse(true)
	for name, screen := range screens {
		if got := screen.Next("disconnect"); got.Reason != "transport close" {
			t.Errorf("%s: disconnect %q", name, got.Reason)
		}
	}
	for id := before + 1; id <= after; id++ {
		finish(db, id)
	}
	again := serveReady(t, db)
	to.lead(again)
	for name, screen := range screens {
		if got := screen.Next("connect"); !got.Recovered {
			t.Errorf("%s: not recovered", name)
		}
		screen.WantEvents(before+1, after)
	}
	finish(db, after+1)
	for _, screen := range screens {
		screen.WantEvents(after+1, after+1)
	}
	assertPrivate(t, again.logs.text())
}

func TestStockClientsThatPollAreToldOfTheEndWhileTheyCanAsk(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 1)
	p := serveReady(t, db, "--drain", "3s")
	var screens []*stocktest.Client
	for range 4 {
		screen := joinStock(t, p.addr, `["polling"]`, `"reconnectionDelay":500`)
		screen.Next("connect")
		screens = append(screens, screen)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.logs.await(t, "draining")
	finish(db, 1) // who has not been told has its GET answered by this, and comes again
	for i, screen := range screens {
		if got := screen.Next("disconnect"); got.Reason != "transport close" {
			t.Errorf("screen %d: disconnect %q", i, got.Reason)
		}
	}
	if <-p.ended; p.err != nil {
		t.Errorf("the daemon ended with %v", p.err)
	}
}

func TestStockClientsBeyondTheRetentionStartAnew(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 20)
	p := serveReady(t, db, "--replay-limit", "5")
	to := openLink(t, p.addr)
	screen := joinStock(t, to.Addr(), `["polling","websocket"]`)
	screen.Next("connect")
	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v; its log: %s", err, p.logs.text())
	}
	to.Refuse(true)
	screen.Next("disconnect")
	for id := 1; id <= 10; id++ {
		finish(db, id)
	}
	to.lead(serveReady(t, db, "--replay-limit", "5"))
	if got := screen.Next("connect"); got.Recovered {
		t.Error("recovered, from more than the limit")
	}
	finish(db, 11)
	screen.WantEvents(11, 11)
}
