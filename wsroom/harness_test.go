package wsroom_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
)

const eventName = "appointmnents.finished"

// codedError is an Authenticator's error.
type codedError struct{ code, cause string }

func (e codedError) Error() string { return e.cause }
func (e codedError) Code() string  { return e.code }

// tokens is an Authenticator over tokens "<account>" and "<account>/<lifetime>", counted from the first time it is seen; "bad", "expired" and
// "nokeys" are refused; "hang" waits for the context.
type tokens struct {
	mu   sync.Mutex
	ends map[string]time.Time
}

func (k *tokens) Authenticate(ctx context.Context, token string) (string, string, time.Time, error) {
	switch token {
	case "bad":
		return "", "", time.Time{}, codedError{"token_invalid", "signature does not verify"}
	case "expired":
		return "", "", time.Time{}, codedError{"token_expired", "exp is in the past"}
	case "nokeys":
		return "", "", time.Time{}, codedError{"keys_unavailable", "key set cannot be fetched"}
	case "hang":
		<-ctx.Done()
		return "", "", time.Time{}, context.Cause(ctx)
	}
	account, life, limited := strings.Cut(token, "/")
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ends == nil {
		k.ends = make(map[string]time.Time)
	}
	if _, seen := k.ends[token]; !seen {
		d := time.Hour
		if limited {
			var err error
			if d, err = time.ParseDuration(life); err != nil {
				return "", "", time.Time{}, err
			}
		}
		k.ends[token] = time.Now().Add(d)
	}
	return account, "7", k.ends[token], nil
}

// journal is a Log that holds what was appended to it. Cursors are "1-<seq>".
type journal struct {
	mu     sync.Mutex
	events []entry
	oldest int64 // cursors before it are refused
	err    error
	hold   chan struct{} // if set, Replay waits for it before it answers
	held   chan struct{} // and says here that it waits
}

type entry struct {
	account string
	seq     int64
	data    string
}

func (j *journal) append(account string, seq int64, data string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, entry{account, seq, data})
}

func (j *journal) Replay(ctx context.Context, account, cursor string, upTo int64, yield func(id string, seq int64, event string, data []byte)) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.hold != nil {
		close(j.held)
		<-j.hold
	}
	if j.err != nil {
		return false, j.err
	}
	after, ok := j.Seq(cursor)
	if !ok || after < j.oldest {
		return false, nil
	}
	for _, e := range j.events {
		if e.account == account && e.seq > after && e.seq <= upTo && ctx.Err() == nil {
			yield(cursorOf(e.seq), e.seq, eventName, []byte(e.data))
		}
	}
	return true, nil
}

// Seq reads a cursor.
func (j *journal) Seq(cursor string) (int64, bool) {
	digits, found := strings.CutPrefix(cursor, "1-")
	seq, err := strconv.ParseInt(digits, 10, 64)
	return seq, found && err == nil && seq >= 0
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
	handler http.Handler
	journal *journal
	counts  *counts
	record  *record
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	url     string
	seq     int64
}

type option func(*wsroom.HubConfig, *wsroom.HandlerConfig)

// newServer is open at position 100.
func newServer(t testing.TB, opts ...option) *server {
	t.Helper()
	s := &server{t: t, journal: &journal{}, counts: &counts{}, record: &record{}, seq: 100}
	logger := slog.New(slog.NewJSONHandler(s.record, nil))
	hubConfig := wsroom.HubConfig{Metrics: s.counts, Logger: logger}
	config := wsroom.HandlerConfig{Metrics: s.counts, Logger: logger}
	for _, opt := range opts {
		opt(&hubConfig, &config)
	}
	s.hub = wsroom.NewHub(hubConfig)
	s.hub.Open(s.seq, cursorOf(s.seq))
	s.handler = wsroom.NewHandler(s.hub, &tokens{}, s.journal, config)
	return s
}

// listen starts a server on the loopback interface.
func listen(t testing.TB, opts ...option) *server {
	t.Helper()
	s := newServer(t, opts...)
	web := httptest.NewServer(s.handler)
	s.url = "ws" + strings.TrimPrefix(web.URL, "http") + "/ws"
	s.dial = (&net.Dialer{}).DialContext
	t.Cleanup(func() {
		s.drain()
		web.Close()
	})
	return s
}

// listenPipes starts a server whose connections are net.Pipes, for a bubble of testing/synctest. A pipe buffers nothing: a client that does not read
// holds a write up at once.
func listenPipes(t testing.TB, opts ...option) *server {
	t.Helper()
	s := newServer(t, opts...)
	pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	web := &http.Server{Handler: s.handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(pipes) // http.ErrServerClosed, when the test is over
	}()
	s.url = "ws://pipe.example/ws"
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
	s.seq++
	s.journal.append(account, s.seq, data)
	s.hub.Claim(s.seq, cursorOf(s.seq))
	s.hub.Publish(account, cursorOf(s.seq), s.seq, eventName, []byte(data))
	s.hub.Settle(s.seq, cursorOf(s.seq))
	return s.seq
}

// client is a stock WebSocket client.
type client struct {
	t    testing.TB
	conn *websocket.Conn
}

// connect dials with headers "Name: value" and returns without waiting for the welcome.
func (s *server) connect(query string, headers ...string) *client {
	s.t.Helper()
	header := http.Header{}
	var subprotocols []string
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Sec-WebSocket-Protocol" {
			subprotocols = strings.Split(value, ", ")
			continue
		}
		header.Add(name, value)
	}
	transport := &http.Transport{DialContext: s.dial}
	defer transport.CloseIdleConnections()
	conn, _, err := websocket.Dial(s.t.Context(), s.url+query, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header, Subprotocols: subprotocols,
	})
	if err != nil {
		s.t.Fatalf("dial: %v", err)
	}
	conn.SetReadLimit(-1)
	c := &client{s.t, conn}
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	return c
}

// join connects with a token in the header and reads the welcome.
func (s *server) join(token string) *client {
	s.t.Helper()
	c := s.connect("", "Authorization: Bearer "+token)
	c.want("welcome")
	return c
}

func httpClient(s *server) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: s.dial, DisableKeepAlives: true}}
}

func (c *client) send(format string, args ...any) {
	c.t.Helper()
	if err := c.conn.Write(c.t.Context(), websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// frame is any frame of the server.
type frame struct {
	Type      string          `json:"type"`
	AccountID string          `json:"accountId"`
	Cursor    string          `json:"cursor"`
	Recovered bool            `json:"recovered"`
	ExpiresAt string          `json:"expiresAt"`
	ID        string          `json:"id"`
	Event     string          `json:"event"`
	Data      json.RawMessage `json:"data"`
	Code      string          `json:"code"`
	Message   string          `json:"message"`
}

// next reads a frame; what the connection ends with is an error.
func (c *client) next() (frame, error) {
	kind, raw, err := c.conn.Read(c.t.Context())
	if err != nil {
		return frame{}, err
	}
	if kind != websocket.MessageText {
		return frame{}, fmt.Errorf("binary frame %q", raw)
	}
	var f frame
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return f, decoder.Decode(&f)
}

// want reads a frame of this type.
func (c *client) want(kind string) frame {
	c.t.Helper()
	f, err := c.next()
	if err != nil {
		c.t.Fatalf("want a frame of type %q, got %v", kind, err)
	}
	if f.Type != kind {
		c.t.Fatalf("want a frame of type %q, got %+v", kind, f)
	}
	return f
}

// wantEvents reads events with exactly these numbers.
func (c *client) wantEvents(seqs ...int64) {
	c.t.Helper()
	for _, seq := range seqs {
		f := c.want("event")
		if f.ID != cursorOf(seq) || f.Event != eventName {
			c.t.Fatalf("want event %s, got %+v", cursorOf(seq), f)
		}
	}
}

// wantEnd reads the error frame and the close frame; code "" wants no error frame.
func (c *client) wantEnd(closeCode int, code string) {
	c.t.Helper()
	if code != "" {
		if f := c.want("error"); f.Code != code || f.Message == "" {
			c.t.Fatalf("want error %q with a message, got %+v", code, f)
		}
	}
	f, err := c.next()
	if err == nil {
		c.t.Fatalf("want close %d, got %+v", closeCode, f)
	}
	if got := websocket.CloseStatus(err); int(got) != closeCode {
		c.t.Fatalf("want close %d, got %v", closeCode, err)
	}
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
