package wsroom_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

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

// server is a hub with its handler.
type server struct {
	*roomtest.Place
	t       testing.TB
	handler http.Handler
	dial    roomtest.Dialer
	url     string
}

type option func(*wsroom.HubConfig, *wsroom.HandlerConfig)

// newServer is open at position 100.
func newServer(t testing.TB, opts ...option) *server {
	t.Helper()
	var hub wsroom.HubConfig
	var config wsroom.HandlerConfig
	for _, opt := range opts {
		opt(&hub, &config)
	}
	s := &server{Place: roomtest.NewPlace(hub, &roomtest.Journal{}), t: t}
	config.Metrics, config.Logger = s.Counts, s.Logger
	s.handler = wsroom.NewHandler(s.Hub, &tokens{}, s.Journal, config)
	return s
}

// listen starts a server on the loopback interface.
func listen(t testing.TB, opts ...option) *server {
	t.Helper()
	s := newServer(t, opts...)
	s.url = "ws://" + s.Listen(t, s.handler) + "/ws"
	s.dial = (&net.Dialer{}).DialContext
	return s
}

// listenPipes starts a server in a bubble of testing/synctest.
func listenPipes(t testing.TB, opts ...option) *server {
	t.Helper()
	s := newServer(t, opts...)
	_, pipes := s.ListenPipes(t, s.handler)
	s.url, s.dial = "ws://pipe.example/ws", pipes.Dial
	return s
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
		if f.ID != roomtest.CursorOf(seq) || f.Event != roomtest.EventName {
			c.t.Fatalf("want event %s, got %+v", roomtest.CursorOf(seq), f)
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
