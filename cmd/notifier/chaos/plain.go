package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"notifier/notifier"
)

const (
	// screenSilence is how long a screen believes in a connection on which nothing comes, not even a ping, where an
	// answer to a ping may take as long as the pause between two.
	screenSilence = 3 * screenPing
	screenPing    = time.Second
)

var errSilence = errors.New("nothing came, not even a ping")

// plain is a screen that speaks /ws.
type plain struct {
	*screen
	token   string
	rand    *rand.Rand
	doors   func() []door // where daemons can be reached
	home    int           // the daemon that it begins with
	silence time.Duration // until it gives a connection up
}

// door is where screens reach one daemon.
type door struct{ daemon, addr string }

// run connects, and comes back with the cursor, until ctx ends.
func (p *plain) run(ctx context.Context) error {
	for at := p.home; ctx.Err() == nil; {
		doors := p.doors()
		err := p.follow(ctx, doors[at%len(doors)])
		at += 1 + p.rand.IntN(len(doors)-1) // as a proxy would have it: not where it has just failed
		p.ended(err.Error())
		_ = pause(ctx, 10*time.Millisecond+upTo(p.rand, 60*time.Millisecond)) // the loop looks at ctx itself
	}
	return nil
}

// frame is what the server says.
type frame struct {
	Type      string `json:"type"`
	Cursor    string `json:"cursor"`
	Recovered bool   `json:"recovered"`
	ID        string `json:"id"`
	Event     string `json:"event"`
	Code      string `json:"code"`
	Data      struct {
		ID        int32       `json:"id"`
		AccountID json.Number `json:"accountId"`
	} `json:"data"`
}

// follow serves one connection and says why it ended; never nil.
func (p *plain) follow(ctx context.Context, to door) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(p.silence, func() { cancel(errSilence) })
	defer watch.Stop()
	options := bearer(p.token)
	options.OnPingReceived = func(context.Context, []byte) bool { watch.Reset(p.silence); return true }
	conn, response, err := websocket.Dial(ctx, "ws://"+to.addr+"/ws?cursor="+url.QueryEscape(p.cursor()), options)
	if err != nil {
		if response != nil && response.Body != nil {
			_ = response.Body.Close() // nothing of interest
		}
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.CloseNow() //nolint:errcheck // it is over either way
	conn.SetReadLimit(1 << 20)
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		watch.Reset(p.silence)
		if err := p.take(to, data); err != nil {
			p.misunderstood(err)
			return err
		}
	}
}

// take notes one frame.
func (p *plain) take(from door, data []byte) error {
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	switch f.Type {
	case "welcome":
		cursor, err := notifier.ParseCursor(f.Cursor)
		if err != nil {
			return fmt.Errorf("welcome: %w", err)
		}
		p.opened(from.daemon, f.Recovered, cursor)
	case "event":
		id, err := notifier.ParseCursor(f.ID)
		if err != nil {
			return fmt.Errorf("event: %w", err)
		}
		p.received(receipt{id: id, appointment: f.Data.ID, account: f.Data.AccountID.String(), at: time.Now()})
	case "error":
		p.ended(f.Code)
	}
	return nil
}

// bearer is a handshake with a token.
func bearer(token string) *websocket.DialOptions {
	return &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}}
}
