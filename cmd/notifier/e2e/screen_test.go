package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"notifier/auth"

	"github.com/coder/websocket"
)

// screen is one connected client.
type screen struct {
	t    testing.TB
	conn *websocket.Conn
}

// frame is any frame of the plain protocol.
type frame struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Event     string          `json:"event"`
	Data      json.RawMessage `json:"data"`
	AccountID string          `json:"accountId"`
	Cursor    string          `json:"cursor"`
	Recovered bool            `json:"recovered"`
	Code      string          `json:"code"`
}

func token(t testing.TB, account string) string {
	t.Helper()
	signed, err := auth.Sign([]byte(e2eSecret), auth.Claims{Account: account, Subject: "7"})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// dial opens a socket without saying anything.
func dial(t testing.TB, addr, query string, options *websocket.DialOptions) *screen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+addr+"/ws"+query, options)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() }) // most are closed by then
	return &screen{t: t, conn: conn}
}

// join connects with the Authorization header and reads the welcome.
func join(t testing.TB, addr, account, query string) (*screen, frame) {
	t.Helper()
	s := dial(t, addr, query, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token(t, account)}}})
	welcome := s.next()
	if welcome.Type != "welcome" || welcome.AccountID != account {
		t.Fatalf("got %+v, want the welcome of account %s", welcome, account)
	}
	return s, welcome
}

func (s *screen) next() frame {
	s.t.Helper()
	f, err := s.read()
	if err != nil {
		s.t.Fatalf("read frame: %v", err)
	}
	return f
}

func (s *screen) read() (frame, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), e2ePatience)
	defer cancel()
	var f frame
	_, text, err := s.conn.Read(ctx)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(text, &f)
}

// event reads frames up to the next event.
func (s *screen) event() frame {
	s.t.Helper()
	for {
		if f := s.next(); f.Type == "event" {
			return f
		}
	}
}

// ending reads until the close and returns the last error frame's code and the close code.
func (s *screen) ending() (code string, status websocket.StatusCode) {
	s.t.Helper()
	for {
		f, err := s.read()
		if err != nil {
			var closed websocket.CloseError
			if !errors.As(err, &closed) {
				s.t.Fatalf("the connection ended without a close code: %v", err)
			}
			return code, closed.Code
		}
		if f.Type == "error" {
			code = f.Code
		}
	}
}

func (s *screen) say(text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), e2ePatience)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// joinBySubprotocol connects as a browser does.
func joinBySubprotocol(t testing.TB, addr, account string) *screen {
	t.Helper()
	s := dial(t, addr, "", &websocket.DialOptions{Subprotocols: []string{"notifier.v1", "bearer." + token(t, account)}})
	if got := s.conn.Subprotocol(); got != "notifier.v1" {
		t.Errorf("server selected subprotocol %q, want notifier.v1", got)
	}
	if welcome := s.next(); welcome.Type != "welcome" {
		t.Fatalf("got %+v, want a welcome", welcome)
	}
	return s
}

// joinByMessage authenticates after the handshake.
func joinByMessage(t testing.TB, addr, account string) *screen {
	t.Helper()
	s := dial(t, addr, "", nil)
	s.say(`{"type":"auth","token":"` + token(t, account) + `"}`)
	if welcome := s.next(); welcome.Type != "welcome" {
		t.Fatalf("got %+v, want a welcome", welcome)
	}
	return s
}
