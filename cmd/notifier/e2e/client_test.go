package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"notifier/auth"
	"notifier/wsroom/socketio/stocktest"
)

// joinClient starts notifier-client in Node.js; more options may follow.
func joinClient(t testing.TB, addr, token string, more map[string]any) *stocktest.Client {
	t.Helper()
	options := map[string]any{"url": "ws://" + addr + "/ws", "token": token}
	for name, value := range more {
		options[name] = value
	}
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	driver := filepath.Join("..", "..", "..", "wsroom", "client", "test", "driver.mjs")
	return stocktest.New(stocktest.Run(t, exec.Command("node", driver, string(text))))
}

// shortToken is one of account 1 that ends soon.
func shortToken(t testing.TB, life time.Duration) string {
	t.Helper()
	signed, err := auth.Sign([]byte(e2eSecret), auth.Claims{Account: "1", Subject: "7", TTL: life})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestTheBrowserClientLosesNothingWhenTheDaemonRestarts(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 21)
	p := serveReady(t, db)
	to := openLink(t, p.addr)
	screen := joinClient(t, to.Addr(), token(t, "1"), nil)
	screen.Next("refetch")
	for id := 1; id <= 10; id++ {
		finish(db, id)
	}
	screen.WantEvents(1, 10)
	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v; its log: %s", err, p.logs.text())
	}
	to.Refuse(true)
	if got := screen.Next("disconnect"); got.Code != "1012" || got.Reason != "restart" {
		t.Errorf("it saw %+v", got)
	}
	for id := 11; id <= 20; id++ {
		finish(db, id)
	}
	to.lead(serveReady(t, db))
	if got := screen.Next("connect"); !got.Recovered {
		t.Error("not recovered")
	}
	screen.WantEvents(11, 20)
	finish(db, 21)
	screen.WantEvents(21, 21)
}

func TestTheBrowserClientGetsEachEventOnceThroughALinkThatIsCut(t *testing.T) {
	t.Parallel()
	const events = 200
	db := clinic(t)
	book(db, 1, 1, events)
	to := openLink(t, serveReady(t, db).addr)
	screen := joinClient(t, to.Addr(), token(t, "1"), nil)
	screen.Next("connect")
	for id := 1; id <= events; id++ {
		if id%40 == 20 {
			to.Cut()
		}
		finish(db, id)
	}
	if cuts := screen.WantThrough(1, events); cuts == 0 {
		t.Error("the link was never cut")
	}
}

func TestTheBrowserClientRenewsItsTokenAndAsksForANewOne(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 2)
	p := serveReady(t, db)
	renewing := joinClient(t, p.addr, shortToken(t, 3*time.Second), nil)
	refused := joinClient(t, p.addr, shortToken(t, -time.Minute), nil)
	plain := joinClient(t, p.addr, shortToken(t, 3*time.Second), map[string]any{"asString": true})

	renewing.Next("connect")
	renewing.Do("token", token(t, "1"))
	if got := renewing.Next("asked", "disconnect"); got.Kind != "asked" {
		t.Fatalf("it ended before it was renewed: %+v", got)
	}
	if got := refused.Next("disconnect"); got.Code != "4401" || got.Reason != "token_expired" {
		t.Errorf("with an expired token it saw %+v", got)
	}
	refused.Do("token", token(t, "1"))
	refused.Next("connect")
	if got := plain.Next("stopped", "disconnect"); got.Kind != "stopped" || got.Code != "4401" {
		t.Errorf("with a token that has no successor it saw %+v", got)
	}
	finish(db, 1) // after the end of the first token
	renewing.WantEvents(1, 1)
	refused.WantEvents(1, 1)

	// Another account's token is no renewal, and nothing that coming back would mend.
	renewing.Do("token", shortToken(t, 3*time.Second))
	renewing.Do("reconnect")
	renewing.Next("connect")
	renewing.Do("token", token(t, "2"))
	if got := renewing.Next("stopped", "disconnect"); got.Kind != "stopped" || got.Code != "4403" || got.Reason != "account_forbidden" {
		t.Errorf("with another account's token it saw %+v", got)
	}
}

func TestTheBrowserClientIsToldToFetchItsListWhenItsCursorIsRefused(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 10)
	p := serveReady(t, db, "--replay-limit", "5")
	to := openLink(t, p.addr)
	fresh := joinClient(t, to.Addr(), token(t, "1"), map[string]any{"cursor": "9-9"})
	fresh.Next("refetch")
	finish(db, 1)
	fresh.WantEvents(1, 1)
	to.cut()
	fresh.Next("disconnect")
	other, _ := join(t, p.addr, "1", "")
	for id := 2; id <= 9; id++ {
		finish(db, id)
		other.event()
	}
	to.Heal()
	if got := fresh.Next("connect"); got.Recovered {
		t.Error("recovered, from more than the limit")
	}
	fresh.Next("refetch")
	finish(db, 10)
	fresh.WantEvents(10, 10)
}
