package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"notifier/wsroom"
)

// at is a listener that says where it listens.
type at struct {
	net.Listener
	addr net.TCPAddr
}

func (a at) Addr() net.Addr { return &a.addr }

// lookedInto is a daemon with a hub and nothing else, for what the admin address does.
func lookedInto(token, ip string) *daemon {
	hub := wsroom.NewHub(wsroom.HubConfig{Name: "self"})
	addr := net.TCPAddr{IP: net.ParseIP(ip), Port: 9090}
	return &daemon{settings: serveSettings{adminToken: token}, adminAddr: at{addr: addr}, hub: hub, metrics: newMetrics(), self: newSelf()}
}

func TestWhoMayLookInside(t *testing.T) {
	const token = "the-admin-token-of-this-test"
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	basic := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	site := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", value) }
	}
	from := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	const get, post = http.MethodGet, http.MethodPost
	for _, test := range []struct {
		name, token, ip, host, method, path string
		with                                []func(*http.Request)
		want                                int
	}{
		{"loopback without a token", "", "127.0.0.1", "127.0.0.1:9090", get, "/api/conns", nil, 200},
		{"by its name", "", "127.0.0.1", "localhost:9090", get, "/api/conns", nil, 200},
		{"IPv6", "", "::1", "[::1]:9090", get, "/api/conns", nil, 200},
		{"the page", "", "127.0.0.1", "127.0.0.1:9090", get, "/", nil, 200},
		{"pprof", "", "127.0.0.1", "127.0.0.1:9090", get, "/debug/pprof/", nil, 200},
		{"the command line, which may hold secrets", "", "127.0.0.1", "127.0.0.1:9090", get, "/debug/pprof/cmdline", nil, 404},
		{"kick", "", "127.0.0.1", "127.0.0.1:9090", post, "/api/kick", nil, 200},
		{"a name that was made to point here", "", "127.0.0.1", "rebound.example:9090", get, "/api/conns", nil, 403},
		{"a name that begins like one of ours", "", "127.0.0.1", "127.0.0.1.rebound.example", get, "/api/conns", nil, 403},
		{"no name", "", "127.0.0.1", "", get, "/api/conns", nil, 403},
		{"another address", "", "10.1.2.3", "10.1.2.3:9090", get, "/api/conns", nil, 403},
		{"another address by a name of ours", "", "10.1.2.3", "localhost", get, "/api/conns", nil, 403},
		{"every address", "", "0.0.0.0", "127.0.0.1:9090", get, "/", nil, 403},
		{"pprof of every address", "", "::", "127.0.0.1:9090", get, "/debug/pprof/heap", nil, 403},
		{"a token where none is set", "", "10.1.2.3", "10.1.2.3", get, "/api/conns", []func(*http.Request){bearer("")}, 403},
		{"metrics", "", "0.0.0.0", "10.1.2.3:9090", get, "/metrics", nil, 200},
		{"metrics beside a token", token, "0.0.0.0", "10.1.2.3:9090", get, "/metrics", nil, 200},

		{"loopback, and a token is wanted", token, "127.0.0.1", "127.0.0.1:9090", get, "/api/conns", nil, 401},
		{"the page without it", token, "127.0.0.1", "127.0.0.1:9090", get, "/", nil, 401},
		{"pprof without it", token, "127.0.0.1", "127.0.0.1:9090", get, "/debug/pprof/", nil, 401},
		{"good", token, "10.1.2.3", "anything.example", get, "/api/conns", []func(*http.Request){bearer(token)}, 200},
		{"in another case of the scheme", token, "10.1.2.3", "x", get, "/api/conns", []func(*http.Request){from("Authorization", "bearer "+token)}, 200},
		{"a part of it", token, "10.1.2.3", "x", get, "/api/conns", []func(*http.Request){bearer(token[:20])}, 401},
		{"more than it", token, "10.1.2.3", "x", get, "/api/conns", []func(*http.Request){bearer(token + "x")}, 401},
		{"as a password", token, "10.1.2.3", "x", get, "/", []func(*http.Request){basic("anybody", token)}, 200},
		{"as a password of nobody", token, "10.1.2.3", "x", get, "/", []func(*http.Request){basic("", token)}, 200},
		{"as a user", token, "10.1.2.3", "x", get, "/", []func(*http.Request){basic(token, "")}, 401},
		{"in the URL", token, "10.1.2.3", "x", get, "/?access_token=" + token, nil, 401},

		{"from its own page", token, "10.1.2.3", "x", post, "/api/kick", []func(*http.Request){basic("a", token), site("same-origin")}, 200},
		{"from another page", token, "10.1.2.3", "x", post, "/api/kick", []func(*http.Request){basic("a", token), site("cross-site")}, 403},
		{"from a page of a sibling", token, "10.1.2.3", "x", post, "/api/kick", []func(*http.Request){basic("a", token), site("same-site")}, 403},
		{"of an old browser", token, "10.1.2.3", "x", post, "/api/kick", []func(*http.Request){basic("a", token), from("Origin", "https://evil.example")}, 403},
		{"a profile for another page", "", "127.0.0.1", "127.0.0.1:9090", get, "/debug/pprof/trace?seconds=1", []func(*http.Request){site("cross-site")}, 403},
		{"the page by a link", "", "127.0.0.1", "127.0.0.1:9090", get, "/", []func(*http.Request){site("cross-site")}, 200},
		{"on loopback from another page", "", "127.0.0.1", "127.0.0.1:9090", post, "/api/kick", []func(*http.Request){site("cross-site")}, 403},
		{"by a GET", token, "10.1.2.3", "x", get, "/api/kick", []func(*http.Request){bearer(token)}, 405},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := lookedInto(test.token, test.ip)
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(`{"account":"1"}`))
			r.Host = test.host
			for _, with := range test.with {
				with(r)
			}
			w := httptest.NewRecorder()
			d.adminHandler().ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, test.want)
			}
			if challenged := len(w.Result().Header.Values("WWW-Authenticate")) == 2; challenged != (test.want == 401) {
				t.Errorf("got %d with the challenge %q", w.Code, w.Result().Header.Values("WWW-Authenticate"))
			}
			if strings.Contains(w.Body.String(), token) {
				t.Errorf("the answer has the token: %s", w.Body)
			}
		})
	}
}

func TestWhoIsRefusedIsToldWhatToSet(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	lookedInto("", "0.0.0.0").adminHandler().ServeHTTP(w, r)
	if got := w.Body.String(); !strings.Contains(got, "--admin-token") || !strings.Contains(got, "127.0.0.1") {
		t.Errorf("got %q", got)
	}
}

func TestAnAdminTokenIsNotAWord(t *testing.T) {
	for token, want := range map[string]bool{
		"0123456789abcdef": true, "with:colon-and~tilde": true, "0123456789abcde": false, "with a space in it": false,
		"sixteen letters é": false, "0123456789abcdef\n": false,
	} {
		if err := isAdminToken(token); (err == nil) != want {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestRequestsOfTheAPIAreJudged(t *testing.T) {
	for _, test := range []struct{ method, path, body, want string }{
		{http.MethodGet, "/api/conns?limit=0", "", "limit is a number"},
		{http.MethodGet, "/api/conns?limit=10001", "", "limit is a number"},
		{http.MethodGet, "/api/conns?limit=many", "", "limit is a number"},
		{http.MethodPost, "/api/kick", `{}`, "name one of"},
		{http.MethodPost, "/api/kick", `{"account":"1","conn":"x.1"}`, "name one of"},
		{http.MethodPost, "/api/kick", `{"acount":"1"}`, "not the JSON object"},
		{http.MethodPost, "/api/kick", `{"account":"1"} {"account":"2"}`, "not the JSON object"},
		{http.MethodPost, "/api/kick", `{"account":1}`, "not the JSON object"},
		{http.MethodPost, "/api/kick", `{"account":"1"}]`, "not the JSON object"},
		{http.MethodPost, "/api/kick", `{"account":"1"}}`, "not the JSON object"},
		{http.MethodPost, "/api/kick", `{"subject":"` + strings.Repeat("1", 257) + `"}`, "name one of"},
		{http.MethodGet, "/api/trace?appointment=%00", "", "name an appointment"},
		{http.MethodGet, "/api/trace?appointment=%ff", "", "name an appointment"},
		{http.MethodPost, "/api/kick", `{"account":"` + strings.Repeat("1", maxAPIBody) + `"}`, "not the JSON object"},
	} {
		r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
		r.Host = "localhost"
		w := httptest.NewRecorder()
		lookedInto("", "127.0.0.1").adminHandler().ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s %.40s: got %d %q, want %q", test.path, test.body, w.Code, w.Body, test.want)
		}
	}
}
