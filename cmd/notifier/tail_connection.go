package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/coder/websocket"
)

const (
	// dialTimeout bounds everything from the name server to the answer of the handshake.
	dialTimeout = 15 * time.Second
	// frameLimit is the longest frame that is read. An event carries one appointment, whose notes are free text.
	frameLimit = 1 << 20
)

// Close codes of the plain protocol that end tail. The library has names for those below 4000 only.
const (
	closeToken     websocket.StatusCode = 4401
	closeForbidden websocket.StatusCode = 4403
)

var (
	errSilent  = errors.New("the server has fallen silent")
	errNoReply = errors.New("no answer from the server")
)

// connect follows one connection until it ends and says why it did: a *finalError, or anything else
// for a reason to come back. It is never nil.
func (t *tail) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Any sign of life moves the end. It stands still while an event is being written: a slow reader of
	// ours is not a silent server.
	watch := time.AfterFunc(t.silence, func() { cancel(errSilent) })
	defer watch.Stop()

	conn, err := t.dial(ctx, func() { watch.Reset(t.silence) })
	if err != nil {
		return err
	}
	defer conn.CloseNow() //nolint:errcheck // the connection is over either way
	conn.SetReadLimit(frameLimit)
	t.refusal = ""
	for {
		watch.Reset(t.silence)
		_, frame, err := conn.Read(ctx)
		watch.Stop()
		if err != nil {
			return t.ended(ctx, err)
		}
		if err := t.handle(frame); err != nil {
			return &finalError{err}
		}
	}
}

// dial opens the connection; alive is called for every ping that it gets.
func (t *tail) dial(ctx context.Context, alive func()) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, errNoReply)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, t.target(), &websocket.DialOptions{
		HTTPClient:     t.client,
		HTTPHeader:     http.Header{"Authorization": {"Bearer " + t.token}},
		OnPingReceived: func(context.Context, []byte) bool { alive(); return true },
	})
	if err == nil {
		return conn, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
		return nil, t.answered(response.StatusCode)
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without the URL around it, whose query is nobody's business
	}
	return nil, fmt.Errorf("connect to %s: %w", t.address.Host, err)
}

// target is the address with the cursor.
func (t *tail) target() string {
	address := *t.address
	if t.cursor != "" {
		query := address.Query()
		query.Set("cursor", t.cursor)
		address.RawQuery = query.Encode()
	}
	return address.String()
}

// answered judges a handshake that was answered by something else than a WebSocket. Behind an address
// that has worked before, it is a proxy whose daemon is away; else the address is probably wrong.
func (t *tail) answered(status int) error {
	err := fmt.Errorf("%s answered %d %s instead of a WebSocket", t.address.Host, status, http.StatusText(status))
	later := status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
	if later || t.welcomed {
		return err
	}
	return &finalError{fmt.Errorf("%w: is --url (NOTIFIER_URL) the daemon's address?", err)}
}

// ended turns the end of a read into a reason.
func (t *tail) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, websocket.ErrMessageTooBig) {
		return &finalError{fmt.Errorf("the server sent a frame of more than %d bytes", frameLimit)}
	}
	var closed websocket.CloseError
	if !errors.As(err, &closed) {
		return fmt.Errorf("the connection broke: %w", err)
	}
	code := t.refusal
	if code == "" {
		code = closed.Reason
	}
	if !codeWord.MatchString(code) {
		code = "no reason given"
	}
	switch closed.Code {
	case closeToken:
		return &finalError{fmt.Errorf("the server refused the token (%s): get a new one and set --token (NOTIFIER_TOKEN)", code)}
	case closeForbidden:
		return &finalError{fmt.Errorf("the server forbade the connection (%s)", code)}
	case websocket.StatusPolicyViolation, websocket.StatusMessageTooBig:
		return &finalError{fmt.Errorf("the server closed the connection for good (%d, %s)", closed.Code, code)}
	default:
		return fmt.Errorf("the server closed the connection (%d, %s)", closed.Code, code)
	}
}

// codeWord is what an error code looks like. Nothing else from a server gets onto a terminal.
var codeWord = regexp.MustCompile(`^[a-z_]{1,40}$`)

// tailFrame is the part of every frame that tail understands.
type tailFrame struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	Cursor    string `json:"cursor"`
	AccountID string `json:"accountId"`
	Recovered bool   `json:"recovered"`
	ExpiresAt string `json:"expiresAt"`
	Code      string `json:"code"`
}

// handle is one frame's way. Unknown types are left alone: a newer daemon may have more to say.
func (t *tail) handle(raw []byte) error {
	var f tailFrame
	if err := json.Unmarshal(raw, &f); err != nil {
		return fmt.Errorf("%s does not speak notifier's plain protocol", t.address.Host)
	}
	switch f.Type {
	case "welcome":
		t.welcome(f)
	case "event":
		return t.print(raw, f.ID)
	case "cursor":
		t.cursor = f.Cursor
	case "expiring":
		t.note("the token ends at %s, and this connection with it", f.ExpiresAt)
	case "error":
		t.refusal = f.Code
	}
	return nil
}

func (t *tail) welcome(f tailFrame) {
	if t.cursor != "" && !f.Recovered {
		t.note("events may be missing after %s: the server cannot replay from there any more", t.cursor)
	}
	t.cursor, t.welcomed = f.Cursor, true
	t.note("connected to %s, account %s, from cursor %s", t.address.Host, f.AccountID, f.Cursor)
}

// print puts one event on stdout, in one write so that whoever reads the pipe has it at once, and
// moves the cursor only when it is there.
func (t *tail) print(raw []byte, id string) error {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return fmt.Errorf("compact event: %w", err)
	}
	line.WriteByte('\n')
	if _, err := t.out.Write(line.Bytes()); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	t.cursor = id
	return nil
}
