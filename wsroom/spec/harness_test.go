package spec_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
	"notifier/wsroom/spec/spectest"
)

const patience = 20 * time.Second

// coded is an Authenticator's error.
type coded string

func (c coded) Error() string { return "the cause of " + string(c) }
func (c coded) Code() string  { return string(c) }

// tokens is an Authenticator over tokens "<account>" and "<account>/<lifetime>"; those that are called like a code are refused with it.
type tokens struct{}

func (tokens) Authenticate(_ context.Context, token string) (account, subject string, expiresAt time.Time, err error) {
	if strings.Contains(token, "_") || token == "unavailable" {
		return "", "", time.Time{}, coded(token)
	}
	account, life, limited := strings.Cut(token, "/")
	d := time.Hour
	if limited {
		if d, err = time.ParseDuration(life); err != nil {
			return "", "", time.Time{}, err
		}
	}
	return account, "7", time.Now().Add(d), nil
}

// house is a hub with both protocols' handlers, and the document that holds them to their word. What its clients were told is kept by name.
type house struct {
	*roomtest.Place
	t        testing.TB
	document *spectest.Document
	addr     string
	seen     map[string]bool
	codes    map[string]bool
	closes   map[string]bool // "4401 token_expired"
}

// open serves both, with little patience for what is idle.
func open(t testing.TB, seen *house, changes ...func(*wsroom.HubConfig, *socketio.Config)) *house {
	t.Helper()
	hub := wsroom.HubConfig{}
	config := socketio.Config{PingInterval: 50 * time.Millisecond, CursorRefresh: 20 * time.Millisecond}
	for _, change := range changes {
		change(&hub, &config)
	}
	h := &house{Place: roomtest.NewPlace(hub, &roomtest.Journal{}), t: t}
	if seen == nil {
		seen = &house{document: spectest.Load(t), seen: map[string]bool{}, codes: map[string]bool{}, closes: map[string]bool{}}
	}
	h.document, h.seen, h.codes, h.closes = seen.document, seen.seen, seen.codes, seen.closes
	config.Metrics, config.Logger = h.Counts, h.Logger
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", socketio.NewHandler(h.Hub, tokens{}, h.Journal, config))
	mux.Handle("/ws", wsroom.NewHandler(h.Hub, tokens{}, h.Journal, wsroom.HandlerConfig{
		CursorRefresh: config.CursorRefresh, Logger: h.Logger, Metrics: h.Counts,
	}))
	h.addr = h.Listen(t, mux)
	return h
}

// talk is one connection; name says which message a text is.
type talk struct {
	*house
	conn *websocket.Conn
	name func(text string) (string, error)
}

// dial opens a WebSocket of either protocol with headers "Name: value".
func (h *house) dial(target string, headers ...string) *talk {
	h.t.Helper()
	header := http.Header{}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		header.Set(name, value)
	}
	conn, _, err := websocket.Dial(h.t.Context(), "ws://"+h.addr+target, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		h.t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	h.t.Cleanup(func() { _ = conn.CloseNow() })
	name := h.document.Packet
	if strings.HasPrefix(target, "/ws") {
		name = func(text string) (string, error) { return h.document.Frame([]byte(text)) }
	}
	return &talk{h, conn, name}
}

func (c *talk) say(texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		if err := c.conn.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
			return // the server may have hung up: its close says why
		}
	}
}

// read reads a frame and holds it against the document.
func (c *talk) read() (name, text string, err error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_, raw, err := c.conn.Read(ctx)
	if err != nil {
		return "", "", err
	}
	name, err = c.name(string(raw))
	return c.noted(name, string(raw), err), string(raw), nil
}

// noted keeps the name and the code of a frame.
func (h *house) noted(name, text string, err error) string {
	h.t.Helper()
	if err != nil {
		h.t.Errorf("not in the document: %s: %v", text, err)
	}
	h.seen[name] = true
	if _, code, found := strings.Cut(text, `"code":"`); found {
		h.codes[code[:strings.IndexByte(code, '"')]] = true
	}
	return name
}

// await reads up to a message of this name.
func (c *talk) await(want string) (text string) {
	c.t.Helper()
	for {
		name, text, err := c.read()
		if err != nil {
			c.t.Fatalf("want %s, got %v", want, err)
		}
		if name == want {
			return text
		}
	}
}

// ends reads to the close.
func (c *talk) ends() {
	c.t.Helper()
	for {
		_, _, err := c.read()
		if err == nil {
			continue
		}
		var closed websocket.CloseError
		if !errors.As(err, &closed) {
			c.t.Fatalf("want a close frame, got %v", err)
		}
		c.closes[strconv.Itoa(int(closed.Code))+" "+closed.Reason] = true
		return
	}
}

// data are examples of what the database's side makes; cmd/notifier/e2e has those of a real one.
func data(t testing.TB) (appointment, gone, doctor, test string) {
	t.Helper()
	whole, err := os.ReadFile(filepath.Join("testdata", "appointment.json"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(whole)), `{"id":1,"accountId":1,"deletedAt":"2025-01-23T09:15:00.000Z"}`,
		`{"id":7,"accountId":1,"isBusy":true}`, `{"test":true,"marker":"m","accountId":1,"sentAt":"2026-11-23T04:00:00.000Z"}`
}

// tell publishes an event of each kind to account 1, and one to another account, so that cursors move.
func (h *house) tell() {
	h.t.Helper()
	appointment, gone, doctor, test := data(h.t)
	seq := h.Seq()
	for _, e := range []struct{ account, name, data string }{
		{"1", "appointmnents.finished", appointment}, {"1", "appointments.checkin", gone}, {"1", "doctors.busy", doctor},
		{"1", "notifier.test", test}, {"2", "appointmnents.finished", gone},
	} {
		seq++
		h.Hub.Claim(seq, roomtest.CursorOf(seq))
		h.Hub.Publish(e.account, roomtest.CursorOf(seq), seq, e.name, []byte(e.data))
		h.Hub.Settle(seq, roomtest.CursorOf(seq))
	}
	h.Follow(seq)
}
