package socketio_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"notifier/wsroom/socketio"
)

// versions are the oldest and newest that the field has, and what lies between.
var versions = []string{"3.1", "4.0", "4.5", "4.8"}

// transports are the client's options.
var transports = map[string]string{
	"default":   `"transports":["polling","websocket"]`,
	"websocket": `"transports":["websocket"]`,
	"polling":   `"transports":["polling"]`,
}

// settled is the transport on which a client with these options ends up.
var settled = map[string]string{"default": "websocket", "websocket": "websocket", "polling": "polling"}

// afterCut is what a client can do about what it missed, by whether it recovers.
var afterCut = map[bool]string{true: "recovered", false: "has to fetch"}

// outcome is a line of the table of clients, which README.md says how to print.
func outcome(t *testing.T, where, version, transport, what string) {
	t.Helper()
	t.Logf("| %s | %s | %s | %s |", where, version, transport, what)
}

// stock is a stock client in a process of its own: of Node.js, unless something else is said.
type stock struct {
	t     testing.TB
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// seen is what the client has seen.
type seen struct {
	Kind, Code, Reason, Transport, ID, Message string
	Recovered                                  bool
	Data                                       struct{ ID int }
	Answer                                     []any
}

func startStock(t testing.TB, s *server, version, transport, token string) *stock {
	t.Helper()
	options := fmt.Sprintf(`{%s,"token":%q}`, transports[transport], token)
	return startClient(t, exec.Command("node", "stocktest/client.mjs", version, options, strings.TrimSuffix(s.url, "/socket.io/")))
}

// startClient starts the process of a stock client.
func startClient(t testing.TB, process *exec.Cmd) *stock {
	t.Helper()
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatalf("start a stock client (make test installs what it needs): %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_, _ = io.Copy(io.Discard, stdout)
		if err := process.Wait(); err != nil {
			t.Errorf("stock client: %v", err)
		}
	})
	return &stock{t, stdin, bufio.NewScanner(stdout)}
}

// next is what the client sees next, of these kinds; others are passed over.
func (c *stock) next(kinds ...string) seen {
	c.t.Helper()
	for c.lines.Scan() {
		var got seen
		if err := json.Unmarshal(c.lines.Bytes(), &got); err != nil {
			c.t.Fatalf("stock client says %q: %v", c.lines.Text(), err)
		}
		for _, kind := range kinds {
			if got.Kind == kind {
				return got
			}
		}
	}
	c.t.Fatalf("the stock client ended, waiting for %v", kinds)
	return seen{}
}

func (c *stock) do(name string, value ...string) {
	c.t.Helper()
	line, err := json.Marshal(map[string]string{"name": name, "value": strings.Join(value, "")})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.stdin.Write(append(line, '\n')); err != nil {
		c.t.Fatal(err)
	}
}

// wantEvents reads events with these ids, in order and nothing else in between.
func (c *stock) wantEvents(from, to int) {
	c.t.Helper()
	for id := from; id <= to; id++ {
		if got := c.next("event", "disconnect", "connect"); got.Kind != "event" || got.Data.ID != id {
			c.t.Fatalf("want event %d, got %+v", id, got)
		}
	}
}

// publishStock publishes events whose ids follow one another.
func publishStock(s *server, from, to int) {
	for id := from; id <= to; id++ {
		s.publish("1", fmt.Sprintf(`{"id":%d,"status":"FINALIZADO","contact":null}`, id))
	}
}

func TestStockClientsReceiveAndReconnect(t *testing.T) {
	for _, version := range versions {
		for transport := range transports {
			t.Run(version+"/"+transport, func(t *testing.T) {
				t.Parallel()
				s := listen(t)
				c := startStock(t, s, version, transport, "Bearer 1")
				c.next("connect")
				publishStock(s, 1, 50)
				c.wantEvents(1, 50)
				c.do("settled")
				if got := c.next("settled"); got.Transport != settled[transport] {
					t.Errorf("transport %q", got.Transport)
				}
				c.do("ask")
				if got := c.next("answer"); len(got.Answer) != 0 {
					t.Errorf("answer %v", got.Answer)
				}
				c.do("binary")
				c.next("answer")

				c.do("cut")
				c.next("disconnect")
				publishStock(s, 51, 100)
				c.do("connect")
				recovers := version == "4.8"
				if got := c.next("connect"); got.Recovered != recovers {
					t.Fatalf("recovered %v", got.Recovered)
				}
				if recovers {
					c.wantEvents(51, 100)
				}
				publishStock(s, 101, 150)
				c.wantEvents(101, 150)
				outcome(t, "Node", version, transport, "50 events, ack, binary, link cut, comes back, "+afterCut[recovers]+", 50 more")
			})
		}
	}
}

func TestStockClientLosesItsServerAndRecovers(t *testing.T) {
	for transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := listen(t)
			c := startStock(t, s, "4.8", transport, "1")
			c.next("connect")
			publishStock(s, 1, 10)
			c.wantEvents(1, 10)
			s.hub.Resync(s.seq, cursorOf(s.seq)) // closes every transport
			if got := c.next("disconnect"); got.Reason != "transport close" {
				t.Errorf("disconnect %q", got.Reason)
			}
			publishStock(s, 11, 20)
			if got := c.next("connect"); !got.Recovered {
				t.Error("not recovered")
			}
			c.wantEvents(11, 20)
			outcome(t, "Node", "4.8", transport, "the server ends every transport: back by itself, recovered")
		})
	}
}

func TestStockClientsHearWhyTheyAreRefused(t *testing.T) {
	for _, version := range versions {
		for transport := range transports {
			t.Run(version+"/"+transport, func(t *testing.T) {
				t.Parallel()
				s := listen(t)
				c := startStock(t, s, version, transport, "token_expired")
				if got := c.next("connect_error", "connect"); got.Kind != "connect_error" || got.Code != "token_expired" || got.Message == "" {
					t.Fatalf("got %+v", got)
				}
				c.do("token", "1")
				c.do("connect")
				c.next("connect")
				outcome(t, "Node", version, transport, "token expired: connect_error with its code; connects with another")
			})
		}
	}
}

func TestStockClientSeesARefusalAsNestJSGivesIt(t *testing.T) {
	s := listen(t, configured(func(c *socketio.Config) { c.RefuseByLeaving = true }))
	c := startStock(t, s, "4.8", "default", "token_invalid")
	c.next("connect")
	if got := c.next("disconnect"); got.Reason != "io server disconnect" {
		t.Errorf("disconnect %q", got.Reason)
	}
}
