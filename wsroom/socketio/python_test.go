package socketio_test

import (
	"os/exec"
	"strings"
	"sync"
	"testing"

	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio/stocktest"
)

// pythonTransports are the choices of python-socketio, and where a client that makes them ends up.
var pythonTransports = map[string][]string{"default": nil, "websocket": {"websocket"}, "polling": {"polling"}}

// python finds an interpreter that has python-socketio: Debian's package belongs to Debian's own, which need not be the first on the path.
var python = sync.OnceValue(func() string {
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(name, "-c", "import socketio, requests, websocket").Run() == nil {
			return name
		}
	}
	return "python-socketio, which make test installs,"
})

func startPython(t testing.TB, s *server, transport, token string) *stock {
	t.Helper()
	arguments := append([]string{"pythontest/client.py", strings.TrimSuffix(s.url, "/socket.io/"), token}, pythonTransports[transport]...)
	return &stock{stocktest.New(stocktest.Run(t, exec.Command(python(), arguments...))), t}
}

// wantAnyOrder reads events with these ids, once each: python-socketio hands out each message on a thread of its own.
func (c *stock) wantAnyOrder(from, to int) {
	c.t.Helper()
	missing := make(map[int]bool)
	for id := from; id <= to; id++ {
		missing[id] = true
	}
	for len(missing) > 0 {
		got := c.Next("event", "disconnect", "connect")
		if got.Kind != "event" || !missing[got.Data.ID] {
			c.t.Fatalf("still to come %v, got %+v", missing, got)
		}
		delete(missing, got.Data.ID)
	}
}

func TestPythonClientsReceiveAndReconnect(t *testing.T) {
	for transport := range pythonTransports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := listen(t)
			c := startPython(t, s, transport, "Bearer 1")
			c.Next("connect")
			publishStock(s, 1, 50)
			c.wantAnyOrder(1, 50)
			c.Do("settled")
			if got := c.Next("settled"); got.Transport != settled[transport] {
				t.Errorf("transport %q", got.Transport)
			}
			for _, what := range []string{"ask", "binary"} {
				c.Do(what)
				if got := c.Next("answer"); len(got.Answer) != 0 {
					t.Errorf("%s: answer %v", what, got.Answer)
				}
			}
			s.Hub.Resync(s.Seq(), roomtest.CursorOf(s.Seq())) // closes every transport
			c.Next("disconnect")
			back := "back by itself"
			if transport == "polling" { // python-socketio takes the packet that ends a session of long-polling for "do not come back"
				c.Do("connect")
				back = "has to call connect"
			}
			c.Next("connect")
			publishStock(s, 51, 100)
			c.wantAnyOrder(51, 100)
			outcome(t, "Python", "python-socketio", transport, "50 events, ack, binary, the server ends the transport: "+back+", has to fetch, 50 more")
		})
	}
}

func TestPythonClientsHearWhyTheyAreRefused(t *testing.T) {
	for transport := range pythonTransports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := listen(t)
			c := startPython(t, s, transport, "token_expired")
			if got := c.Next("connect_error", "connect"); got.Kind != "connect_error" || got.Code != "token_expired" || got.Message == "" {
				t.Fatalf("got %+v", got)
			}
			c.Do("token", "1")
			c.Do("connect")
			c.Next("connect")
			outcome(t, "Python", "python-socketio", transport, "token expired: connect_error with its code; connects with another")
		})
	}
}
