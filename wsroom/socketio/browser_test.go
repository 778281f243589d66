package socketio_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"notifier/wsroom/socketio/stocktest"
)

// browser is one headless Chromium in a process of its own, with the pages of a test.
type browser struct {
	mu    sync.Mutex
	stdin io.WriteCloser
	pages []*page
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	driver := exec.Command("node", "browsertest/driver.mjs")
	driver.Stderr = os.Stderr
	stdin, err := driver.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := driver.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := driver.Start(); err != nil {
		t.Fatalf("start Chromium from Node.js (make test installs both): %v", err)
	}
	b := &browser{stdin: stdin}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.listen(stdout)
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		<-ended
		if err := driver.Wait(); err != nil {
			t.Errorf("browser: %v", err)
		}
	})
	return b
}

// listen gives each page what is its own, until the browser has ended.
func (b *browser) listen(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var line struct{ Page int }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // a page waits for it in vain, and says so
		}
		b.mu.Lock()
		p := b.pages[line.Page]
		b.mu.Unlock()
		p.lines <- append([]byte(lines.Text()), '\n')
	}
}

// view is what a page shows: a stock client of this version, with these options as JSON.
type view struct {
	at                      string // the page's own origin
	sandboxed               bool
	server                  *exposed
	version, options, token string
}

// open opens a page that shares nothing with others. Its client is driven as those in Node.js are.
func (b *browser) open(t *testing.T, v view) *stock {
	t.Helper()
	p := &page{t: t, browser: b, lines: make(chan []byte, 4096), over: time.After(time.Minute)}
	b.mu.Lock()
	p.number = len(b.pages)
	b.pages = append(b.pages, p)
	b.mu.Unlock()
	t.Cleanup(func() { p.command("close", true) })
	file := "/page.html?"
	if v.sandboxed {
		file = "/sandbox.html?"
	}
	p.command("open", v.at+file+url.Values{
		"page": {strconv.Itoa(p.number)}, "url": {v.server.origin}, "version": {v.version}, "options": {v.options}, "token": {v.token},
	}.Encode())
	return &stock{stocktest.New(t, p, p), t}
}

// page is the standard input and output of a stock client.
type page struct {
	t       testing.TB
	browser *browser
	number  int
	lines   chan []byte
	over    <-chan time.Time
	rest    []byte
}

func (p *page) command(name string, value any) {
	p.t.Helper()
	raw, err := json.Marshal(map[string]any{"page": p.number, name: value})
	if err != nil {
		p.t.Fatal(err)
	}
	p.browser.mu.Lock()
	defer p.browser.mu.Unlock()
	if _, err := p.browser.stdin.Write(append(raw, '\n')); err != nil {
		p.t.Errorf("browser: %v", err)
	}
}

// Write implements io.Writer: a command of page.js.
func (p *page) Write(line []byte) (int, error) {
	p.command("do", json.RawMessage(line))
	return len(line), nil
}

// Read implements io.Reader: what the page reports. A page at fault, or too long at it, has ended.
func (p *page) Read(buf []byte) (int, error) {
	if len(p.rest) == 0 {
		select {
		case p.rest = <-p.lines:
		case <-p.over:
			return 0, os.ErrDeadlineExceeded
		}
		var line stocktest.Seen
		if err := json.Unmarshal(p.rest, &line); err != nil || line.Kind == "fault" {
			p.t.Errorf("page: %s", p.rest)
			return 0, io.EOF
		}
	}
	n := copy(buf, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// pages serves what the browser shows, and the stock clients of all versions.
func pages() http.Handler {
	files := http.FileServer(http.Dir("browsertest"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, ok := strings.CutPrefix(r.URL.Path, "/client/"); ok {
			version := strings.TrimSuffix(client, ".js")
			http.ServeFile(w, r, "stocktest/node_modules/socket.io-client-"+version+"/dist/socket.io.js")
			return
		}
		files.ServeHTTP(w, r)
	})
}

// exposed is a server that pages can reach, on an origin of its own that has the same pages. It counts its requests, and keeps clients by a cookie as
// an ingress does in front of several daemons.
type exposed struct {
	*server
	origin string

	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	away     bool
	requests []request
}

// request is what came from a page, without what nobody asks for, and how it was answered.
type request struct {
	method, transport, origin, token, cookie string
	status                                   int
	answer                                   http.Header
}

func expose(t *testing.T, opts ...option) *exposed {
	t.Helper()
	e := &exposed{server: newServer(t, opts...), conns: make(map[net.Conn]struct{})}
	mux := http.NewServeMux()
	mux.Handle("/", pages())
	mux.HandleFunc("/socket.io/", e.serve)
	web := httptest.NewUnstartedServer(mux)
	web.Config.ConnState = e.changed
	web.Start()
	e.origin = web.URL
	t.Cleanup(func() {
		e.Drain(t)
		web.CloseClientConnections()
		web.Close()
	})
	return e
}

func (e *exposed) serve(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "daemon", Value: "a", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	e.handler.ServeHTTP(&witness{ResponseWriter: w, exposed: e, request: request{
		method: r.Method, transport: r.URL.Query().Get("transport"), origin: r.Header.Get("Origin"),
		token: r.Header.Get("Authorization"), cookie: r.Header.Get("Cookie"),
	}}, r)
}

// witness notes a request when it is answered.
type witness struct {
	http.ResponseWriter
	exposed *exposed
	request request
}

func (w *witness) WriteHeader(status int) {
	w.request.status, w.request.answer = status, w.Header().Clone()
	w.exposed.mu.Lock()
	w.exposed.requests = append(w.exposed.requests, w.request)
	w.exposed.mu.Unlock()
	w.ResponseWriter.WriteHeader(status)
}

func (w *witness) Write(p []byte) (int, error) {
	if w.request.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// saw are the requests so far that a condition holds for.
func (e *exposed) saw(holds func(request) bool) (found []request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.requests {
		if holds(r) {
			found = append(found, r)
		}
	}
	return found
}

// changed knows the connections, and takes none while the server is away.
func (e *exposed) changed(conn net.Conn, state http.ConnState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if state == http.StateClosed {
		delete(e.conns, conn)
		return
	}
	e.conns[conn] = struct{}{}
	if state == http.StateNew && e.away {
		_ = conn.Close()
	}
}

// cut takes every link away, in the middle of what it carries, until mend.
func (e *exposed) cut() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away = true
	for conn := range e.conns {
		_ = conn.Close()
	}
}

func (e *exposed) mend() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away = false
}
