package wsroom_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

func TestRefusedTokensAreClosedWithTheirCode(t *testing.T) {
	s := listen(t)
	tests := []struct {
		name      string
		headers   []string
		first     string
		closeCode int
		code      string
	}{
		{name: "invalid in the header", headers: []string{"Authorization: Bearer bad"}, closeCode: 4401, code: "token_invalid"},
		{name: "invalid in the subprotocol", headers: []string{"Sec-WebSocket-Protocol: notifier.v1, bearer.bad"}, closeCode: 4401, code: "token_invalid"},
		{name: "invalid in the first message", first: `{"type":"auth","token":"bad"}`, closeCode: 4401, code: "token_invalid"},
		{
			name: "a bad header is not saved by a good subprotocol", closeCode: 4401, code: "token_invalid",
			headers: []string{"Authorization: Bearer bad", "Sec-WebSocket-Protocol: notifier.v1, bearer.1"},
		},
		{name: "expired", headers: []string{"Authorization: Bearer expired"}, closeCode: 4401, code: "token_expired"},
		{name: "valid until a moment ago", headers: []string{"Authorization: Bearer 1/-1s"}, closeCode: 4401, code: "token_expired"},
		{name: "without an account", headers: []string{"Authorization: Bearer /1h"}, closeCode: 4401, code: "token_invalid"},
		{name: "an error without a code", headers: []string{"Authorization: Bearer 1/x"}, closeCode: 4401, code: "token_invalid"},
		{name: "no token in the first message", first: `{"type":"auth"}`, closeCode: 4401, code: "token_missing"},
		{name: "keys away", headers: []string{"Authorization: Bearer nokeys"}, closeCode: 1013, code: "keys_unavailable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.connect("", test.headers...)
			if test.first != "" {
				c.send("%s", test.first)
			}
			c.t = t
			c.wantEnd(test.closeCode, test.code)
		})
	}
}

func TestSilenceIsTokenMissingAfterTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		c := s.connect("")
		c.wantEnd(4401, "token_missing")
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("want 10s, got %v", took)
		}
	})
}

// A key server that does not answer holds up nobody for longer than the timeout, and not the client's own close.
func TestAuthenticationIsBoundedAndDoesNotBlockReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		for _, headers := range [][]string{{"Authorization: Bearer hang"}, nil} {
			c := s.connect("", headers...)
			if headers == nil {
				c.send(`{"type":"auth","token":"hang"}`)
			}
			c.wantEnd(1013, "keys_unavailable")
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("want 10s for each, got %v", took)
		}
		c := s.connect("")
		c.send(`{"type":"auth","token":"hang"}`)
		if err := c.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if waiting := s.Hub.Stats().Waiting; waiting != 0 {
			t.Errorf("want the client gone at once, got %d", waiting)
		}
	})
}

// The second of two first messages comes while the first is being checked.
func TestASecondTokenDuringTheCheckIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		c := s.connect("", "Authorization: Bearer hang")
		c.send(`{"type":"auth","token":"2"}`)
		c.wantEnd(1013, "keys_unavailable")
	})
}

func TestOrigins(t *testing.T) {
	s := listen(t, func(_ *wsroom.HubConfig, c *wsroom.HandlerConfig) {
		c.Origins = origins(t, "https://*.clinica.com.br", "http://localhost:3000")
	})
	host := strings.TrimSuffix(strings.TrimPrefix(s.url, "ws://"), "/ws")
	tests := []struct {
		origin  string
		allowed bool
	}{
		{"", true},
		{"http://" + host, true},
		{"https://" + host, true}, // behind a proxy that ends TLS
		{"https://app.clinica.com.br", true},
		{"https://A.B.Clinica.com.br", true},
		{"http://localhost:3000", true},
		{"http://app.clinica.com.br", false},
		{"https://clinica.com.br", false},
		{"https://evilclinica.com.br", false},
		{"https://app.clinica.com.br.evil.com", false},
		{"https://app.clinica.com.br:8443", false},
		{"http://localhost:3001", false},
		{"null", false},
		{"::", false},
	}
	for _, test := range tests {
		t.Run(test.origin, func(t *testing.T) {
			headers := []string{"Authorization: Bearer 1"}
			if test.origin != "" {
				headers = append(headers, "Origin: "+test.origin)
			}
			c := s.connect("", headers...)
			c.t = t
			if test.allowed {
				c.want("welcome")
			} else {
				c.wantEnd(4403, "origin_forbidden")
			}
		})
	}
}

func origins(t testing.TB, patterns ...string) *wsroom.Origins {
	t.Helper()
	o, err := wsroom.NewOrigins(patterns...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOriginsMayChangeWhileTheyAreInUse(t *testing.T) {
	o := origins(t, "https://a.br")
	s := listen(t, func(_ *wsroom.HubConfig, c *wsroom.HandlerConfig) { c.Origins = o })
	from := func(origin string) *client { return s.connect("", "Authorization: Bearer 1", "Origin: "+origin) }
	stays := from("https://a.br")
	stays.want("welcome")
	if err := o.Set([]string{"https://b.br"}); err != nil {
		t.Fatal(err)
	}
	from("https://b.br").want("welcome")
	from("https://a.br").wantEnd(4403, "origin_forbidden")
	if err := o.Set([]string{"*", "b.br"}); err == nil {
		t.Error("want an error")
	}
	from("https://b.br").want("welcome") // as before
	from("https://c.br").wantEnd(4403, "origin_forbidden")
	if err := o.Set(nil); err != nil {
		t.Fatal(err)
	}
	from("https://b.br").wantEnd(4403, "origin_forbidden")
	stays.wantEvents(s.Publish("1", `{}`))
}

func TestOriginPatternsThatMeanNothingAreRefused(t *testing.T) {
	for _, pattern := range []string{"", "clinica.com.br", "https://", "https://*", "https://*.", "https://a.*.br", "https://x.br/path", "://x.br"} {
		if _, err := wsroom.NewOrigins("https://ok.br", pattern); err == nil {
			t.Errorf("%q: want an error", pattern)
		}
	}
	request := &http.Request{Host: "a.br", Header: http.Header{"Origin": {"null"}}}
	if !origins(t, "*").Allowed(request) {
		t.Error("want * to allow any page")
	}
}

func TestAHubThatIsNotOpenSaysUnavailable(t *testing.T) {
	s := listen(t)
	stays := s.join("1")
	s.Hub.Suspend()
	s.connect("", "Authorization: Bearer 1").wantEnd(1013, "unavailable")
	s.connect("").wantEnd(1013, "unavailable") // and does not wait for a token
	s.Publish("1", `{}`)                       // the claim says that the feed is back
	stays.wantEvents(101)
	s.join("1")
	s.Hub.Suspend()
	s.Hub.Open(101, "1-101")
	s.join("1")
}

// The database goes away between the handshake and the token.
func TestJoiningASuspendedHubSaysUnavailable(t *testing.T) {
	s := listen(t)
	c := s.connect("")
	roomtest.Eventually(t, "attached", func() bool { return s.Hub.Stats().Waiting == 1 })
	s.Hub.Suspend()
	c.send(`{"type":"auth","token":"1"}`)
	c.wantEnd(1013, "unavailable")
	s.Hub.Open(100, "1-100")
}

func TestFramesOutOfTheProtocolAreClosedWithTheirCode(t *testing.T) {
	tests := []struct {
		name      string
		send      func(c *client) error
		closeCode int
		code      string
	}{
		{"binary", write(websocket.MessageBinary, []byte(`{"type":"auth","token":"1"}`)), 1008, "protocol_violated"},
		{"not JSON", write(websocket.MessageText, []byte(`hello`)), 1008, "protocol_violated"},
		{"empty", write(websocket.MessageText, nil), 1008, "protocol_violated"},
		{"an array", write(websocket.MessageText, []byte(`["auth"]`)), 1008, "protocol_violated"},
		{"a token that is a number", write(websocket.MessageText, []byte(`{"type":"auth","token":1}`)), 1008, "protocol_violated"},
		{"deeply nested", write(websocket.MessageText, bytes.Repeat([]byte("["), 16<<10)), 1008, "protocol_violated"},
		{"unknown type", write(websocket.MessageText, []byte(`{"type":"subscribe"}`)), 1008, "protocol_violated"},
		{"no type", write(websocket.MessageText, []byte(`{}`)), 1008, "protocol_violated"},
		{"broken UTF-8", write(websocket.MessageText, []byte("{\"type\":\"auth\",\"token\":\"\xff\xfe\"}")), 1008, "protocol_violated"},
		{"16 KiB and one byte", write(websocket.MessageText, bytes.Repeat([]byte(" "), 16<<10+1)), 1009, "protocol_violated"},
		{"1 MB", write(websocket.MessageText, bytes.Repeat([]byte("x"), 1<<20)), 1009, "protocol_violated"},
		{"1 MB in fragments", fragments(1 << 20), 1009, "protocol_violated"},
		{"a flood of messages", repeat(21, write(websocket.MessageText, []byte(`{"type":"auth","token":"1"}`))), 1008, "flood"},
		{"a flood of pings", repeat(21, ping), 1008, "flood"},
		{"a flood of empty fragments", func(c *client) error { return c.sendFragments(10_000, "") }, 1008, "flood"},
		{"a flood of fragments", func(c *client) error { return c.sendFragments(10_000, strings.Repeat("x", 9_999)) }, 1008, "flood"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, headers := range [][]string{{"Authorization: Bearer 1"}, nil} { // live, and before the token
				if headers == nil && test.name == "a flood of messages" {
					continue // the first of them makes it live
				}
				s := listen(t)
				c := s.connect("", headers...)
				if headers != nil {
					c.want("welcome")
				}
				_ = test.send(c) // what is not sent any more when the server has closed
				f, err := c.next()
				for err == nil && f.Type == "renewed" {
					f, err = c.next()
				}
				if err != nil || f.Type != "error" || f.Code != test.code {
					t.Fatalf("want error %s, got %+v, %v", test.code, f, err)
				}
				c.wantEnd(test.closeCode, "")
			}
		})
	}
}

func write(kind websocket.MessageType, p []byte) func(*client) error {
	return func(c *client) error { return c.conn.Write(c.t.Context(), kind, p) }
}

func repeat(n int, send func(*client) error) func(*client) error {
	return func(c *client) error {
		for range n {
			if err := send(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// ping sends a ping; whoever reads will see the pong.
func ping(c *client) error {
	go func() { _ = c.conn.Ping(context.WithoutCancel(c.t.Context())) }() // until the pong, or the end of the connection
	return nil
}

func fragments(size int) func(*client) error {
	return func(c *client) error {
		w, err := c.conn.Writer(c.t.Context(), websocket.MessageText)
		if err != nil {
			return err
		}
		for range size / 1000 {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1000)); err != nil {
				return err
			}
		}
		return w.Close()
	}
}
