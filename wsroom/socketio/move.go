package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"notifier/wsroom"
)

// errBeyond says that the log does not hold any more what a session that moved has missed on its way.
var errBeyond = errors.New("the log was cut behind the session's place")

// luggage is what a client takes along when its session goes on at another daemon. Its token, too: it is verified again there.
type luggage struct {
	OpeningToken string `json:"openingToken,omitempty"`
	Token        string `json:"token,omitempty"` // of the CONNECT, as the two that follow
	PID          string `json:"pid,omitempty"`
	Offset       string `json:"offset,omitempty"`
	Asks         bool   `json:"asks,omitempty"`      // CONNECT came, and no answer was told
	Connected    bool   `json:"connected,omitempty"` // it was welcomed
	Cursor       string `json:"cursor,omitempty"`    // and told everything up to here
	Attachments  int    `json:"attachments,omitempty"`
	Ack          string `json:"ack,omitempty"`
	Dropped      int    `json:"dropped,omitempty"`
}

// Pack implements engineio.Mover.
func (c *client) Pack(cursor string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := luggage{OpeningToken: c.token, Attachments: c.attachments, Ack: c.ack, Dropped: c.dropped}
	switch {
	case c.again != nil:
		l.Token, l.PID, l.Offset, l.Asks = c.again.token, c.again.pid, c.again.offset, true
	case c.stage == entering, c.stage == connectedStage:
		l.Token, l.PID, l.Offset = c.auth.token, c.auth.pid, c.auth.offset
		l.Asks, l.Connected = !c.told, c.told
		l.Cursor = cursor
	}
	return json.Marshal(l)
}

// Unpack implements engineio.Mover.
func (c *client) Unpack(packed []byte) error {
	var l luggage
	if err := json.Unmarshal(packed, &l); err != nil {
		return fmt.Errorf("read what a session brings along: %w", err)
	}
	c.token, c.attachments, c.ack, c.dropped = l.OpeningToken, l.Attachments, l.Ack, l.Dropped
	auth := handshake{token: l.Token, pid: l.PID, offset: l.Offset}
	switch {
	case l.Asks:
		c.connect(auth)
	case l.Connected:
		c.goOn(auth, l.Cursor)
	}
	return nil
}

// goOn is connect for a client that was welcomed at another daemon: all that is told it is what it has not had yet.
func (c *client) goOn(auth handshake, cursor string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage, c.opening, c.auth, c.told = connectedStage, true, auth, true
	c.session.Trust()
	c.session.Go(func(ctx context.Context) {
		c.reopen(ctx, auth, cursor)
		c.opened()
	})
}

// reopen is open for such a client. It takes itself for connected, so a refusal ends the transport: then it comes back and is told what is wrong. Who cannot be
// told everything is cut, too, as its offset may still be good, or else it learns that it was not recovered.
func (c *client) reopen(ctx context.Context, auth handshake, cursor string) {
	h := c.handler
	token := auth.token
	if token == "" {
		token = c.token
	}
	who, reason, err := h.authenticate(ctx, token)
	if ctx.Err() != nil {
		return
	}
	if reason != nil {
		c.session.End(reason, err)
		return
	}
	position, at, err := c.session.Member().Join(who.Account)
	if err != nil {
		c.session.End(wsroom.Refusal(err), nil)
		return
	}
	c.session.Identify(who)
	if cursor == at { // nothing was published meanwhile: the log need not be asked
		c.session.GoLive(position, position)
		return
	}
	sink := &continuation{replay: replay{client: c, done: ctx.Done()}}
	missed := wsroom.Replay{
		Log: h.log, Member: c.session.Member(), Metrics: wsroom.NoMetrics{}, Account: who.Account, Cursor: cursor, Position: position, At: at,
	}
	replayed, reason, err := missed.Run(ctx, sink)
	switch {
	case reason == nil:
		c.session.GoLive(position, replayed)
	case ctx.Err() != nil:
	case sink.refused:
		c.session.End(wsroom.Resync, errBeyond)
	default:
		c.session.End(reason, err)
	}
}

// continuation is the replay of a client that was welcomed before.
type continuation struct {
	replay
	refused bool
}

// Welcome implements wsroom.ReplaySink.
func (r *continuation) Welcome(_ string, recovered bool) { r.refused = !recovered }

// Flush implements wsroom.ReplaySink.
func (r *continuation) Flush() error {
	if r.refused {
		return errBeyond
	}
	return r.replay.Flush()
}
