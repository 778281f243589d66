package socketio_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"notifier/wsroom"
	"notifier/wsroom/socketio"
)

// elsewhere serves the same pages on other origins than the servers': far is another site to a browser, near only another port, so that the servers'
// cookies are not foreign there.
type elsewhere struct{ far, near string }

func newElsewhere(t *testing.T) elsewhere {
	web := httptest.NewServer(pages())
	t.Cleanup(web.Close)
	return elsewhere{far: strings.Replace(web.URL, "127.0.0.1", "localhost", 1), near: web.URL}
}

// allowing panics over a pattern that is none.
func allowing(patterns ...string) option {
	origins, err := wsroom.NewOrigins(patterns...)
	if err != nil {
		panic(err)
	}
	return configured(func(c *socketio.Config) { c.Origins = origins })
}

// TestPages has one Chromium for all cases, since starting it takes longer than most of them.
func TestPages(t *testing.T) {
	b, there := startBrowser(t), newElsewhere(t)
	for name, test := range map[string]func(*testing.T, *browser, elsewhere){
		"receive and come back by themselves":            receiveAndComeBack,
		"connect from the server's own origin":           connectFromTheOwnOrigin,
		"are kept out by their origin":                   areKeptOut,
		"send cookies only where they are known by name": sendCookies,
		"send headers behind a preflight":                sendHeaders,
		"read the server's errors":                       readErrors,
		"bring a token in the query where that may be":   bringQueryTokens,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, b, there)
		})
	}
}

// in runs a case for some versions on some transports.
func in(t *testing.T, versions, transports []string, test func(t *testing.T, version, transport string)) {
	for _, version := range versions {
		for _, transport := range transports {
			t.Run(version+"/"+transport, func(t *testing.T) {
				t.Parallel()
				test(t, version, transport)
			})
		}
	}
}

var (
	allTransports = []string{"default", "websocket", "polling"}
	polls         = []string{"default", "polling"} // those that begin with a request
	outermost     = []string{"3.1", "4.8"}         // where the versions between them do the same
	newest        = []string{"4.8"}                // where the browser decides
)

func receiveAndComeBack(t *testing.T, b *browser, there elsewhere) {
	in(t, versions, allTransports, func(t *testing.T, version, transport string) {
		s := expose(t, allowing(there.far))
		c := b.open(t, view{at: there.far, server: s, version: version, options: "{" + transports[transport] + "}", token: "1"})
		c.Next("connect")
		publishStock(s.server, 1, 20)
		c.WantEvents(1, 20)
		const appointment = `{"id":21,"status":"FINALIZADO","notes":"Observações \"\\ <&> 😀","contact":{"phone":null},"price":"99.9"}`
		s.Publish("2", `{"id":0}`)
		s.Publish("1", appointment)
		if got := c.Next("event"); got.Message != appointment {
			t.Errorf("got %s\nwant %s", got.Message, appointment)
		}
		c.Do("settled")
		if got := c.Next("settled"); got.Transport != settled[transport] {
			t.Errorf("transport %q", got.Transport)
		}

		s.cut()
		c.Next("disconnect")
		publishStock(s.server, 22, 40)
		s.mend()
		recovers := version == "4.8"
		if got := c.Next("connect"); got.Recovered != recovers {
			t.Fatalf("recovered %v", got.Recovered)
		}
		if recovers {
			c.WantEvents(22, 40)
		}
		publishStock(s.server, 41, 60)
		c.WantEvents(41, 60)
		outcome(t, "Chromium", version, transport, "another origin: 21 events, link cut, back by itself, "+afterCut[recovers]+", 20 more")
	})
}

func connectFromTheOwnOrigin(t *testing.T, b *browser, _ elsewhere) {
	in(t, outermost, allTransports, func(t *testing.T, version, transport string) {
		s := expose(t)
		c := b.open(t, view{at: s.origin, server: s, version: version, options: "{" + transports[transport] + "}", token: "1"})
		c.Next("connect")
		publishStock(s.server, 1, 3)
		c.WantEvents(1, 3)
		outcome(t, "Chromium", version, transport, "the server's own origin, nothing configured: connects")
	})
}

func areKeptOut(t *testing.T, b *browser, there elsewhere) {
	for name, c := range map[string]struct {
		allowed   option
		sandboxed bool
		origin    string
	}{
		"nothing configured": {allowing(), false, there.far},
		"another allowed":    {allowing("https://app.example", there.near), false, there.far},
		"a sandbox":          {allowing(there.far), true, "null"},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, newest, allTransports, func(t *testing.T, version, transport string) {
				s := expose(t, c.allowed)
				p := b.open(t, view{at: there.far, sandboxed: c.sandboxed, server: s, version: version, options: "{" + transports[transport] + "}", token: "1"})
				p.wantRefused()
				s.wantNobody(http.StatusForbidden, c.origin)
				p.Do("fetch", s.fetching("?EIO=4&transport=polling", `{}`))
				if got := p.Next("fetched", "connect", "event"); got.Message != "TypeError" {
					t.Errorf("the page could read %+v", got)
				}
				outcome(t, "Chromium", version, transport, "an origin that is not allowed, "+name+": connect_error, HTTP 403")
			})
		})
	}
	t.Run("a sandbox where anybody may", func(t *testing.T) {
		in(t, newest, allTransports, func(t *testing.T, version, transport string) {
			s := expose(t, allowing("*"))
			b.open(t, view{at: there.far, sandboxed: true, server: s, version: version, options: "{" + transports[transport] + "}", token: "1"}).Next("connect")
			outcome(t, "Chromium", version, transport, "a sandboxed frame, any origin allowed: connects")
		})
	})
}

// wantRefused wants a page to try in vain, and again: that it is kept out by its origin it cannot know.
func (c *stock) wantRefused() {
	c.t.Helper()
	for range 2 {
		if got := c.Next("connect_error", "connect", "event"); got.Kind != "connect_error" || got.Code != "" {
			c.t.Fatalf("got %+v", got)
		}
	}
}

// wantNobody wants all requests to have been answered like this, and nobody to have got anywhere.
func (e *exposed) wantNobody(status int, origin string) {
	e.t.Helper()
	others := e.saw(func(r request) bool {
		return r.status != status || r.origin != origin || r.answer.Get("Access-Control-Allow-Origin") != ""
	})
	if all := e.saw(func(request) bool { return true }); len(all) == 0 || len(others) > 0 {
		e.t.Errorf("requests %+v, among them %+v", all, others)
	}
	if got := e.Hub.Stats(); got.Members+got.Waiting > 0 || e.Counts.Get("joined socketio") > 0 {
		e.t.Errorf("somebody is in: %+v", got)
	}
}
