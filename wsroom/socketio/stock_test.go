package socketio_test

import (
	"fmt"
	"strings"
	"testing"

	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
	"notifier/wsroom/socketio/stocktest"
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

// stock is a stock client in another process, or in a page.
type stock struct {
	*stocktest.Client
	t testing.TB
}

func startStock(t testing.TB, s *server, version, transport, token string) *stock {
	t.Helper()
	options := fmt.Sprintf(`{%s,"token":%q}`, transports[transport], token)
	return &stock{stocktest.Start(t, version, options, strings.TrimSuffix(s.url, "/socket.io/")), t}
}

// publishStock publishes events whose ids follow one another.
func publishStock(s *server, from, to int) {
	for id := from; id <= to; id++ {
		s.Publish("1", fmt.Sprintf(`{"id":%d,"status":"FINALIZADO","contact":null}`, id))
	}
}

func TestStockClientsReceiveAndReconnect(t *testing.T) {
	for _, version := range versions {
		for transport := range transports {
			t.Run(version+"/"+transport, func(t *testing.T) {
				t.Parallel()
				s := listen(t)
				c := startStock(t, s, version, transport, "Bearer 1")
				c.Next("connect")
				publishStock(s, 1, 50)
				c.WantEvents(1, 50)
				c.Do("settled")
				if got := c.Next("settled"); got.Transport != settled[transport] {
					t.Errorf("transport %q", got.Transport)
				}
				c.Do("ask")
				if got := c.Next("answer"); len(got.Answer) != 0 {
					t.Errorf("answer %v", got.Answer)
				}
				c.Do("binary")
				c.Next("answer")

				c.Do("cut")
				c.Next("disconnect")
				publishStock(s, 51, 100)
				c.Do("connect")
				recovers := version == "4.8"
				if got := c.Next("connect"); got.Recovered != recovers {
					t.Fatalf("recovered %v", got.Recovered)
				}
				if recovers {
					c.WantEvents(51, 100)
				}
				publishStock(s, 101, 150)
				c.WantEvents(101, 150)
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
			c.Next("connect")
			publishStock(s, 1, 10)
			c.WantEvents(1, 10)
			s.Hub.Resync(s.Seq(), roomtest.CursorOf(s.Seq())) // closes every transport
			if got := c.Next("disconnect"); got.Reason != "transport close" {
				t.Errorf("disconnect %q", got.Reason)
			}
			publishStock(s, 11, 20)
			if got := c.Next("connect"); !got.Recovered {
				t.Error("not recovered")
			}
			c.WantEvents(11, 20)
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
				if got := c.Next("connect_error", "connect"); got.Kind != "connect_error" || got.Code != "token_expired" || got.Message == "" {
					t.Fatalf("got %+v", got)
				}
				c.Do("token", "1")
				c.Do("connect")
				c.Next("connect")
				outcome(t, "Node", version, transport, "token expired: connect_error with its code; connects with another")
			})
		}
	}
}

func TestStockClientSeesARefusalAsNestJSGivesIt(t *testing.T) {
	s := listen(t, configured(func(c *socketio.Config) { c.RefuseByLeaving = true }))
	c := startStock(t, s, "4.8", "default", "token_invalid")
	c.Next("connect")
	if got := c.Next("disconnect"); got.Reason != "io server disconnect" {
		t.Errorf("disconnect %q", got.Reason)
	}
}
