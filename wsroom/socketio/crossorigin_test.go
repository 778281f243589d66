package socketio_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"notifier/wsroom/socketio"
)

// These are cases of TestPages, from origins that may connect.

func sendCookies(t *testing.T, b *browser, there elsewhere) {
	with := func(transport string, credentials bool) string {
		if credentials {
			return "{" + transports[transport] + `,"withCredentials":true}`
		}
		return "{" + transports[transport] + "}"
	}
	for name, credentials := range map[string]bool{"with": true, "without": false} {
		t.Run("known by name/"+name, func(t *testing.T) {
			in(t, outermost, polls, func(t *testing.T, version, transport string) {
				s := expose(t, allowing(there.near))
				c := b.open(t, view{at: there.near, server: s, version: version, options: with(transport, credentials), token: "1"})
				c.Next("connect")
				publishStock(s.server, 1, 3)
				c.WantEvents(1, 3)
				s.wantCredentials(there.near, credentials)
				outcome(t, "Chromium", version, transport, "another origin, allowed by name, "+name+" credentials: connects, "+name+" the server's cookie")
			})
		})
	}
	t.Run("anybody/without", func(t *testing.T) {
		in(t, newest, allTransports, func(t *testing.T, version, transport string) {
			s := expose(t, allowing("*"))
			b.open(t, view{at: there.far, server: s, version: version, options: with(transport, false), token: "1"}).Next("connect")
			outcome(t, "Chromium", version, transport, "another origin, by \"*\", without credentials: connects")
		})
	})
	t.Run("anybody/with", func(t *testing.T) {
		in(t, newest, polls, func(t *testing.T, version, transport string) {
			s := expose(t, allowing("*"))
			b.open(t, view{at: there.near, server: s, version: version, options: with(transport, true), token: "1"}).wantRefused()
			if s.Counts.Get("joined socketio") > 0 {
				t.Error("it got in")
			}
			outcome(t, "Chromium", version, transport, "another origin, by \"*\", with credentials: connect_error, since the browser refuses")
		})
		in(t, newest, []string{"websocket"}, func(t *testing.T, version, transport string) {
			s := expose(t, allowing("*"))
			b.open(t, view{at: there.near, server: s, version: version, options: with(transport, true), token: "1"}).Next("connect")
			outcome(t, "Chromium", version, transport, "another origin, by \"*\", with credentials: connects, since CORS is not for WebSockets")
		})
	})
}

// wantCredentials wants answers that let this origin send cookies, and cookies in all requests behind the first, or in none.
func (e *exposed) wantCredentials(origin string, credentials bool) {
	e.t.Helper()
	for i, r := range e.saw(func(request) bool { return true }) {
		if i > 0 && (r.cookie == "daemon=a") != credentials {
			e.t.Errorf("request %d, %s by %s: cookie %q", i, r.method, r.transport, r.cookie)
		}
		if r.answer.Get("Access-Control-Allow-Origin") != origin || r.answer.Get("Access-Control-Allow-Credentials") != "true" ||
			r.answer.Get("Vary") != "Origin" {
			e.t.Errorf("request %d, %s by %s: %v", i, r.method, r.transport, r.answer)
		}
	}
}

func sendHeaders(t *testing.T, b *browser, there elsewhere) {
	for name, extra := range map[string]string{"authorization": `"authorization":"Bearer 1"`, "another, too": `"Authorization":"Bearer 1","X-Clinic":"7"`} {
		t.Run(name, func(t *testing.T) {
			in(t, outermost, polls, func(t *testing.T, version, transport string) {
				s := expose(t, allowing(there.far))
				options := "{" + transports[transport] + `,"extraHeaders":{` + extra + "}}"
				c := b.open(t, view{at: there.far, server: s, version: version, options: options})
				c.Next("connect")
				publishStock(s.server, 1, 3)
				c.WantEvents(1, 3)
				s.wantPreflights("Bearer 1")
				outcome(t, "Chromium", version, transport, "another origin, extraHeaders with "+name+": preflight, connects with the header's token")
			})
		})
	}
	t.Run("not on a WebSocket", func(t *testing.T) {
		in(t, newest, []string{"websocket"}, func(t *testing.T, version, transport string) {
			s := expose(t, allowing(there.far))
			options := "{" + transports[transport] + `,"extraHeaders":{"authorization":"Bearer 1"}}`
			c := b.open(t, view{at: there.far, server: s, version: version, options: options})
			if got := c.Next("connect_error", "connect"); got.Code != "token_missing" {
				t.Errorf("got %+v", got)
			}
			outcome(t, "Chromium", version, transport, "another origin, extraHeaders: the browser does not send them, token_missing")
		})
	})
}

// wantPreflights wants the opening request to have brought this token, and preflights without one to have let it.
func (e *exposed) wantPreflights(token string) {
	e.t.Helper()
	preflights := e.saw(func(r request) bool { return r.method == http.MethodOptions })
	for _, r := range preflights {
		allowed := r.answer.Get("Access-Control-Allow-Headers")
		if r.status != http.StatusNoContent || r.token+r.cookie != "" || !strings.HasPrefix(allowed, "authorization, content-type") {
			e.t.Errorf("preflight %+v", r)
		}
	}
	gets := e.saw(func(r request) bool { return r.method == http.MethodGet })
	if len(preflights) == 0 || len(gets) == 0 || gets[0].token != token {
		e.t.Errorf("preflights %+v, gets %+v", preflights, gets)
	}
}

// fetching is what page.js' fetch is told: a request of this server, with fetch's options as JSON.
func (e *exposed) fetching(query, options string) string {
	raw, err := json.Marshal(map[string]any{"url": e.origin + "/socket.io/" + query, "options": json.RawMessage(options)})
	if err != nil {
		e.t.Fatal(err)
	}
	return string(raw)
}

func readErrors(t *testing.T, b *browser, there elsewhere) {
	const opening = "?EIO=4&transport=polling"
	cases := []struct{ query, options, want string }{
		{"?EIO=4&transport=pigeon", "", `400 {"code":0,"message":"Transport unknown"}`},
		{opening + "&sid=x", "", `400 {"code":1,"message":"Session ID unknown"}`},
		{opening, `,"method":"POST","body":"40"`, `400 {"code":2,"message":"Bad handshake method"}`},
		{"?EIO=4&transport=websocket", "", `400 {"code":3,"message":"Bad request"}`},
		{"?EIO=3&transport=polling", "", `400 {"code":5,"message":"Unsupported protocol version"}`},
		{opening, "", `503 {"code":4,"message":"Service unavailable"}`},
		{opening, `,"headers":{"authorization":"1","content-type":"text/x"}`, `503 {"code":4,"message":"Service unavailable"}`},
		{opening, `,"method":"DELETE"`, `TypeError`}, // the preflight does not allow it
	}
	s := expose(t, allowing(there.far))
	s.Hub.Suspend()
	p := b.open(t, view{at: there.far, server: s, version: "4.8", options: `{"autoConnect":false}`})
	for _, c := range cases {
		for _, credentials := range []string{"omit", "include"} {
			p.Do("fetch", s.fetching(c.query, `{"credentials":"`+credentials+`"`+c.options+"}"))
			if got := p.Next("fetched"); got.Message != c.want {
				t.Errorf("%s%s, credentials %s: got %s, want %s", c.query, c.options, credentials, got.Message, c.want)
			}
		}
	}
}

func bringQueryTokens(t *testing.T, b *browser, there elsewhere) {
	for name, allowed := range map[string]bool{"allowed": true, "not allowed": false} {
		t.Run(name, func(t *testing.T) {
			in(t, newest, allTransports, func(t *testing.T, version, transport string) {
				s := expose(t, allowing(there.far), configured(func(c *socketio.Config) { c.AllowQueryToken = allowed }))
				c := b.open(t, view{at: there.far, server: s, version: version, options: "{" + transports[transport] + `,"query":{"token":"1"}}`})
				got := c.Next("connect", "connect_error")
				if connected := got.Kind == "connect"; connected != allowed || !connected && got.Code != "token_missing" {
					t.Errorf("got %+v", got)
				}
				outcome(t, "Chromium", version, transport, "another origin, a token in the query, "+name+": "+got.Kind)
			})
		})
	}
}
