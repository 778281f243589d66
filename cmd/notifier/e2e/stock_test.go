package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// stockScreen is a stock socket.io-client of the newest version, in a process of Node.js.
type stockScreen struct {
	t     testing.TB
	lines *bufio.Scanner
}

// stockSight is what it sees.
type stockSight struct {
	Kind, Code, Reason string
	Recovered          bool
	Data               struct{ ID int }
}

// joinStock starts a client with these transports, for account 1.
func joinStock(t testing.TB, addr, transports string) *stockScreen {
	t.Helper()
	options := fmt.Sprintf(`{"transports":%s,"token":%q}`, transports, token(t, "1"))
	node := exec.Command("node", "../../../wsroom/socketio/stocktest/client.mjs", "4.8", options, "http://"+addr)
	node.Stderr = os.Stderr
	stdin, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatalf("start Node.js with a stock client (make test installs it): %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_, _ = io.Copy(io.Discard, stdout) // until it has ended
		if err := node.Wait(); err != nil {
			t.Errorf("stock client: %v", err)
		}
	})
	return &stockScreen{t, bufio.NewScanner(stdout)}
}

// next is the next sight of these kinds; others are passed over.
func (s *stockScreen) next(kinds ...string) stockSight {
	s.t.Helper()
	for s.lines.Scan() {
		var sight stockSight
		if err := json.Unmarshal(s.lines.Bytes(), &sight); err != nil {
			s.t.Fatalf("the stock client says %q: %v", s.lines.Text(), err)
		}
		for _, kind := range kinds {
			if sight.Kind == kind {
				return sight
			}
		}
	}
	s.t.Fatalf("the stock client ended, waiting for %v", kinds)
	return stockSight{}
}

// wantEvents wants these appointments, once each, in order, and nothing in between.
func (s *stockScreen) wantEvents(first, last int) {
	s.t.Helper()
	for id := first; id <= last; id++ {
		if got := s.next("event", "connect", "disconnect"); got.Kind != "event" || got.Data.ID != id {
			s.t.Fatalf("want appointment %d, got %+v", id, got)
		}
	}
}

func TestStockClientsRecoverFromARestartOfAllDaemons(t *testing.T) {
	const before, after = 10, 510
	db := clinic(t)
	book(db, 1, 1, after+1)
	p := serveReady(t, db)
	screens := map[string]*stockScreen{
		"default": joinStock(t, p.addr, `["polling","websocket"]`), "websocket": joinStock(t, p.addr, `["websocket"]`),
		"polling": joinStock(t, p.addr, `["polling"]`),
	}
	for _, screen := range screens {
		screen.next("connect")
	}
	for id := 1; id <= before; id++ {
		finish(db, id)
	}
	for _, screen := range screens {
		screen.wantEvents(1, before)
	}
	fresh := joinStock(t, p.addr, `["polling","websocket"]`)
	fresh.next("connect")
	screens["before its first event"] = fresh
	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v; its log: %s", err, p.logs.text())
	}
	for name, screen := range screens {
		// A client that polls may also find the address closed, between two requests. It comes back after either.
		if got := screen.next("disconnect"); got.Reason != "transport close" && got.Reason != "transport error" {
			t.Errorf("%s: disconnect %q", name, got.Reason)
		}
	}
	for id := before + 1; id <= after; id++ {
		finish(db, id)
	}
	again := serveReady(t, db, "--addr", p.addr)
	for name, screen := range screens {
		if got := screen.next("connect"); !got.Recovered {
			t.Errorf("%s: not recovered", name)
		}
		screen.wantEvents(before+1, after)
	}
	finish(db, after+1)
	for _, screen := range screens {
		screen.wantEvents(after+1, after+1)
	}
	assertPrivate(t, again.logs.text())
}

func TestStockClientsBeyondTheRetentionStartAnew(t *testing.T) {
	db := clinic(t)
	book(db, 1, 1, 20)
	p := serveReady(t, db, "--replay-limit", "5")
	screen := joinStock(t, p.addr, `["polling","websocket"]`)
	screen.next("connect")
	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v; its log: %s", err, p.logs.text())
	}
	screen.next("disconnect")
	for id := 1; id <= 10; id++ {
		finish(db, id)
	}
	serveReady(t, db, "--addr", p.addr, "--replay-limit", "5")
	if got := screen.next("connect"); got.Recovered {
		t.Error("recovered, from more than the limit")
	}
	finish(db, 11)
	screen.wantEvents(11, 11)
}
