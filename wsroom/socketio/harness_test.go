package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
	"notifier/wsroom/socketio"
	"notifier/wsroom/socketio/engineio"
)

const eventName = "appointmnents.finished"

type codedError string

func (e codedError) Error() string { return "the cause of " + string(e) }
func (e codedError) Code() string  { return string(e) }

// tokens is an Authenticator over tokens "<account>" and "<account>/<lifetime>"; those that are called like a code are refused with it.
type tokens struct{}

func (tokens) Authenticate(ctx context.Context, token string) (string, string, time.Time, error) {
	switch token {
	case "token_invalid", "token_expired", "keys_unavailable", "unavailable":
		return "", "", time.Time{}, codedError(token)
	case "hang":
		<-ctx.Done()
		return "", "", time.Time{}, context.Cause(ctx)
	}
	account, life, limited := strings.Cut(token, "/")
	d := time.Hour
	if limited {
		var err error
		if d, err = time.ParseDuration(life); err != nil {
			return "", "", time.Time{}, err
		}
	}
	return account, "7", time.Now().Add(d), nil
}

// journal is a Log. Cursors are "1-<seq>".
type journal struct {
	mu     sync.Mutex
	events []entry
	oldest int64 // cursors before it are refused
	err    error
}

type entry struct {
	account string
	seq     int64
	data    string
}

func (j *journal) Replay(ctx context.Context, account, cursor string, upTo int64, yield func(id string, seq int64, event string, data []byte)) (bool, error) {
	j.mu.Lock()
	events, oldest, err := append([]entry(nil), j.events...), j.oldest, j.err
	j.mu.Unlock()
	after, ok := j.Seq(cursor)
	if err != nil || !ok || after < oldest {
		return false, err
	}
	for _, e := range events {
		if e.account == account && e.seq > after && e.seq <= upTo && ctx.Err() == nil {
			yield(cursorOf(e.seq), e.seq, eventName, []byte(e.data))
		}
	}
	return true, nil
}

func (j *journal) Seq(cursor string) (int64, bool) {
	digits, found := strings.CutPrefix(cursor, "1-")
	seq, err := strconv.ParseInt(digits, 10, 64)
	return seq, found && err == nil && seq >= 0
}

func (j *journal) forget(before int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.oldest = before
}

func cursorOf(seq int64) string { return "1-" + strconv.FormatInt(seq, 10) }

// counts are Metrics that can be asked.
type counts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counts) add(key string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[key] += n
}

func (c *counts) get(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[key]
}

func (c *counts) Joined(p string)           { c.add("joined "+p, 1) }
func (c *counts) Left(p string)             { c.add("left "+p, 1) }
func (c *counts) Delivered(p string, n int) { c.add("delivered "+p, n) }
func (c *counts) Evicted(cause string)      { c.add("evicted "+cause, 1) }
func (c *counts) Closed(code int)           { c.add(fmt.Sprintf("closed %d", code), 1) }
func (c *counts) ClientEventDropped()       { c.add("dropped", 1) }
func (c *counts) Replayed(outcome string)   { c.add("replayed "+outcome, 1) }

// record is a log that can be read while it is written.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// server is a hub with its handler, and the place of its feed.
type server struct {
	t       testing.TB
	hub     *wsroom.Hub
	handler *engineio.Server
	journal *journal
	counts  *counts
	record  *record
	web     *http.Server // of listenPipes
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	url     string // http://…/socket.io/
	mu      sync.Mutex
	seq     int64
}

type option func(*wsroom.HubConfig, *socketio.Config)

func configured(change func(*socketio.Config)) option {
	return func(_ *wsroom.HubConfig, c *socketio.Config) { change(c) }
}

// newServer is open at position 100.
func newServer(t testing.TB, opts ...option) *server {
	t.Helper()
	s := &server{t: t, journal: &journal{}, counts: &counts{}, record: &record{}, seq: 100}
	logger := slog.New(slog.NewJSONHandler(s.record, nil))
	hub := wsroom.HubConfig{Metrics: s.counts, Logger: logger}
	config := socketio.Config{Metrics: s.counts, Logger: logger}
	for _, opt := range opts {
		opt(&hub, &config)
	}
	s.hub = wsroom.NewHub(hub)
	s.hub.Open(s.seq, cursorOf(s.seq))
	s.handler = socketio.NewHandler(s.hub, tokens{}, s.journal, config)
	return s
}

// listen starts a server on the loopback interface.
func listen(t testing.TB, opts ...option) *server {
	t.Helper()
	s := newServer(t, opts...)
	web := httptest.NewServer(s.handler)
	s.url = web.URL + "/socket.io/"
	s.dial = (&net.Dialer{}).DialContext
	t.Cleanup(func() {
		s.drain()
		web.CloseClientConnections()
		web.Close()
	})
	return s
}

// listenPipes starts a server whose connections are net.Pipes, for a bubble of testing/synctest.
func listenPipes(t testing.TB, opts ...option) *server {
	t.Helper()
	s := newServer(t, opts...)
	pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	web := &http.Server{Handler: s.handler, ReadTimeout: 10 * time.Second} // as the daemon's
	s.web = web
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(pipes) // http.ErrServerClosed, when the test is over
	}()
	s.url = "http://pipe.example/socket.io/"
	s.dial = pipes.dial
	t.Cleanup(func() {
		s.drain()
		_ = web.Close()
		<-served
	})
	return s
}

type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	l.conns <- far
	return near, nil
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// drain sees to it that no connection outlives its test.
func (s *server) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := s.hub.Drain(ctx, 0); err != nil {
		s.t.Errorf("drain: %v", err)
	}
}

// publish puts the next event into the log and the rooms, as the feed does.
func (s *server) publish(account, data string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	s.journal.mu.Lock()
	s.journal.events = append(s.journal.events, entry{account, s.seq, data})
	s.journal.mu.Unlock()
	s.hub.Claim(s.seq, cursorOf(s.seq))
	s.hub.Publish(account, cursorOf(s.seq), s.seq, eventName, []byte(data))
	s.hub.Settle(s.seq, cursorOf(s.seq))
	return s.seq
}

// eventFrame is an event as clients see it with recovery.
func eventFrame(seq int64, data string) string {
	return fmt.Sprintf(`42[%q,%s,%q]`, eventName, data, cursorOf(seq))
}

func (s *server) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: s.dial, DisableKeepAlives: true}}
}

// wire is a bare WebSocket, whose messages are Engine.IO packets.
type wire struct {
	t    testing.TB
	conn *websocket.Conn
}

// dialWire opens a WebSocket, or tells the status of the refusal, with this query, "&sid=…" for an upgrade, and headers "Name: value".
func (s *server) dialWire(query string, headers ...string) (w *wire, status int, err error) {
	header := http.Header{}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	transport := &http.Transport{DialContext: s.dial}
	defer transport.CloseIdleConnections()
	conn, response, err := websocket.Dial(s.t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"?EIO=4&transport=websocket"+query,
		&websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header})
	if response != nil {
		status = response.StatusCode
	}
	if err != nil {
		return nil, status, err
	}
	conn.SetReadLimit(-1)
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	return &wire{s.t, conn}, status, nil
}

// connect opens a WebSocket and reads the open packet.
func (s *server) connect(query string, headers ...string) *wire {
	s.t.Helper()
	w, _, err := s.dialWire(query, headers...)
	if err != nil {
		s.t.Fatalf("dial: %v", err)
	}
	if open := w.next(); !strings.HasPrefix(open, `0{"sid":"`) {
		s.t.Fatalf("want an open packet, got %q", open)
	}
	return w
}

// greeting is the answer to a CONNECT.
type greeting struct{ Sid, Pid string }

// join connects with a token and reads the answer.
func (s *server) join(token string) (*wire, greeting) {
	s.t.Helper()
	w := s.connect("")
	w.send(`40{"token":%q}`, token)
	return w, w.greeted()
}

// rejoin comes back with a pid and an offset.
func (s *server) rejoin(token, pid, offset string) (*wire, greeting) {
	s.t.Helper()
	w := s.connect("")
	w.send(`40{"token":%q,"pid":%q,"offset":%q}`, token, pid, offset)
	return w, w.greeted()
}

func (w *wire) greeted() greeting {
	w.t.Helper()
	return parseGreeting(w.t, w.next())
}

func parseGreeting(t testing.TB, frame string) (g greeting) {
	t.Helper()
	payload, found := strings.CutPrefix(frame, "40")
	if !found || json.Unmarshal([]byte(payload), &g) != nil || g.Sid == "" {
		t.Fatalf("want 40{…}, got %q", frame)
	}
	return g
}

func (w *wire) send(format string, args ...any) {
	w.t.Helper()
	if err := w.conn.Write(w.t.Context(), websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		w.t.Fatalf("write: %v", err)
	}
}

func (w *wire) sendBinary(data string) {
	w.t.Helper()
	if err := w.conn.Write(w.t.Context(), websocket.MessageBinary, []byte(data)); err != nil {
		w.t.Fatalf("write: %v", err)
	}
}

func (w *wire) next() string {
	w.t.Helper()
	_, raw, err := w.conn.Read(w.t.Context())
	if err != nil {
		w.t.Fatalf("read: %v", err)
	}
	return string(raw)
}

func (w *wire) want(frames ...string) {
	w.t.Helper()
	for _, frame := range frames {
		if got := w.next(); got != frame {
			w.t.Fatalf("want %s\ngot  %s", frame, got)
		}
	}
}

// wantClose wants the close frame next.
func (w *wire) wantClose(code int, reason string) {
	w.t.Helper()
	_, raw, err := w.conn.Read(w.t.Context())
	if err == nil {
		w.t.Fatalf("want close %d, got %q", code, raw)
	}
	var closed websocket.CloseError
	if !errors.As(err, &closed) || int(closed.Code) != code || closed.Reason != reason {
		w.t.Fatalf("want close %d %q, got %v", code, reason, err)
	}
}

// answer is an HTTP response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// request makes one; headers are "Name: value".
func (s *server) request(ctx context.Context, method, query, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+query, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	response, err := s.client().Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(raw)}, err
}

func (s *server) must(method, query, body string, headers ...string) answer {
	s.t.Helper()
	a, err := s.request(s.t.Context(), method, query, body, headers...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, query, err)
	}
	return a
}

// eventually waits for a state that nobody announces.
func eventually(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !reached(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
