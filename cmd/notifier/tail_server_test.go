package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// screenplay is a server of the plain protocol whose connections each follow a script: the first handshake the first one, and
// so on. A handshake too many is the test's fault.
type screenplay struct {
	t       *testing.T
	scripts []func(w http.ResponseWriter, r *http.Request)
	running sync.WaitGroup

	mu   sync.Mutex
	next int
}

// ServeHTTP is called by the server, once for each handshake.
func (p *screenplay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.running.Add(1)
	defer p.running.Done()
	p.mu.Lock()
	turn := p.next
	p.next++
	p.mu.Unlock()
	if turn >= len(p.scripts) {
		p.t.Errorf("handshake %d was not expected", turn+1)
		http.Error(w, "the play is over", http.StatusTeapot)
		return
	}
	p.scripts[turn](w, r)
}

// served puts the play on stage at a loopback address.
func served(t *testing.T, scripts ...func(http.ResponseWriter, *http.Request)) string {
	t.Helper()
	play := &screenplay{t: t, scripts: scripts}
	server := httptest.NewServer(play)
	t.Cleanup(func() {
		server.Close()
		play.running.Wait()
		if play.next != len(scripts) {
			t.Errorf("%d handshakes, want %d", play.next, len(scripts))
		}
	})
	return server.URL
}

// talk is a script for what happens after the handshake, with what every handshake has to have.
func talk(t *testing.T, wantCursor string, say func(ctx context.Context, conn *websocket.Conn)) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+testToken {
			t.Error("the token is not in the Authorization header")
		}
		if got := r.URL.Query().Get("cursor"); got != wantCursor {
			t.Errorf("comes with cursor %q, want %q", got, wantCursor)
		}
		if r.URL.Path != "/ws" {
			t.Errorf("path %q", r.URL.Path)
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow() // a script that ends without a close cuts the line
		say(r.Context(), conn)
	}
}

func send(t *testing.T, conn *websocket.Conn, frames ...string) {
	t.Helper()
	for _, frame := range frames {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(frame)); err != nil {
			t.Error(err)
		}
	}
}

// bye closes with a code, as the daemon does: the error frame first.
func bye(t *testing.T, conn *websocket.Conn, status websocket.StatusCode, code string) {
	t.Helper()
	send(t, conn, fmt.Sprintf(`{"type":"error","code":%q,"message":"said for people"}`, code))
	_ = conn.Close(status, code) // the answer may already be cut off
}

const testToken = "header.payload.signature"

func welcome(cursor string, recovered bool) string {
	return fmt.Sprintf(`{"type":"welcome","accountId":"1","cursor":%q,"recovered":%t,"expiresAt":"2025-01-23T10:00:00Z"}`, cursor, recovered)
}

func event(id string) string {
	return fmt.Sprintf(`{"type":"event","id":%q,"event":"appointmnents.finished","data":{"id":7,"notes":"João\nSilva"}}`, id)
}
