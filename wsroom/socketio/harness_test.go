package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
	"notifier/wsroom/socketio/engineio"
)

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

// server is a hub with its handler.
type server struct {
	*roomtest.Place
	t       testing.TB
	handler *engineio.Server
	web     *http.Server // of listenPipes
	dial    roomtest.Dialer
	url     string // http://…/socket.io/
}

type option func(*wsroom.HubConfig, *socketio.Config)

func configured(change func(*socketio.Config)) option {
	return func(_ *wsroom.HubConfig, c *socketio.Config) { change(c) }
}

// newServer is open at position 100.
func newServer(t testing.TB, opts ...option) *server {
	t.Helper()
	return newServerOn(t, &roomtest.Journal{}, tokens{}, opts...)
}

func newServerOn(t testing.TB, journal *roomtest.Journal, authn wsroom.Authenticator, opts ...option) *server {
	t.Helper()
	var hub wsroom.HubConfig
	var config socketio.Config
	for _, opt := range opts {
		opt(&hub, &config)
	}
	s := &server{Place: roomtest.NewPlace(hub, journal), t: t}
	config.Metrics = s.Counts
	if config.Logger == nil {
		config.Logger = s.Logger
	}
	s.handler = socketio.NewHandler(s.Hub, authn, journal, config)
	return s
}

// listen starts a server on the loopback interface.
func listen(t testing.TB, opts ...option) *server {
	t.Helper()
	s := newServer(t, opts...)
	s.url = "http://" + s.Listen(t, s.handler) + "/socket.io/"
	s.dial = (&net.Dialer{}).DialContext
	return s
}

// listenPipes starts a server in a bubble of testing/synctest.
func listenPipes(t testing.TB, opts ...option) *server {
	t.Helper()
	s := newServer(t, opts...)
	web, pipes := s.ListenPipes(t, s.handler)
	s.web, s.url, s.dial = web, "http://pipe.example/socket.io/", pipes.Dial
	return s
}

// eventFrame is an event as clients see it with recovery.
func eventFrame(seq int64, data string) string {
	return fmt.Sprintf(`42[%q,%s,%q]`, roomtest.EventName, data, roomtest.CursorOf(seq))
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
	response, err := s.dial.Client().Do(request)
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
