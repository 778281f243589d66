package socketio

import (
	"context"
	"errors"

	"notifier/wsroom"
	"notifier/wsroom/socketio/engineio"
)

// errEnded says that the session ended while it was being brought up to date.
var errEnded = errors.New("session ended")

// connect takes a CONNECT packet to the default namespace. After a refusal or a DISCONNECT that the client knows of, the opener may still be at its last
// steps: then the CONNECT waits for it.
func (c *client) connect(auth handshake) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stage != outside && c.stage != parting, c.again != nil:
		return false
	case c.opening:
		c.again = &auth
	default:
		c.begin(auth)
	}
	return true
}

// begin starts the opener. Under mu.
func (c *client) begin(auth handshake) {
	c.stage, c.opening, c.auth, c.told = entering, true, auth, false
	c.session.Go(func(ctx context.Context) {
		c.open(ctx, auth)
		c.opened()
	})
}

// opened is the opener's last act.
func (c *client) opened() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opening = false
	if c.stage == parting {
		c.part()
	}
	if c.again != nil {
		auth := *c.again
		c.again = nil
		c.begin(auth)
	}
}

// open brings a client from its token to its live stream: check, join, replay, live.
func (c *client) open(ctx context.Context, auth handshake) {
	h := c.handler
	token := auth.token
	if token == "" {
		token = c.token
	}
	who, reason, err := h.authenticate(ctx, token)
	switch {
	case ctx.Err() != nil: // the client has left, or does not want to come in any more
		return
	case reason == wsroom.KeysUnavailable || reason == wsroom.Unavailable:
		c.session.End(reason, err) // not the client's fault: it shall come back by itself
		return
	case reason != nil:
		c.refuse(reason, err)
		return
	}
	member := c.session.Member()
	position, at, err := member.Join(who.Account)
	switch {
	case errors.Is(err, wsroom.ErrTooMany): // in this room: the transport may stay, and its client is told what to do
		c.refuse(wsroom.TooManyConnections, nil)
		return
	case err != nil:
		c.session.End(wsroom.Refusal(err), nil)
		return
	}
	c.session.Identify(who)

	welcome := &replay{client: c, done: ctx.Done(), account: who.Account, at: at}
	missed := wsroom.Replay{Log: h.log, Member: member, Metrics: h.Metrics, Account: who.Account, Position: position, At: at}
	if from, ok := resume(h.log, who.Account, auth); ok && !h.NoRecovery {
		missed.Cursor, welcome.pid, welcome.sid = from.cursor, auth.pid, from.sid
	}
	replayed, reason, err := missed.Run(ctx, welcome)
	if reason == nil {
		c.session.GoLive(position, replayed)
	} else if ctx.Err() == nil { // else the client has left, or goes on elsewhere
		c.session.End(reason, err)
	}
}

// authenticate checks a token, if there is one.
func (h *handler) authenticate(ctx context.Context, token string) (wsroom.Identity, *wsroom.Ending, error) {
	switch {
	case token == "":
		return wsroom.Identity{}, wsroom.TokenMissing, nil
	case len(token) > maxToken:
		return wsroom.Identity{}, wsroom.TokenInvalid, nil
	}
	return wsroom.Authenticate(ctx, h.authn, token, h.AuthTimeout)
}

// refuse tells the client that its token is no good, or its room full. The session stays open for another try, until the time for that is over.
func (c *client) refuse(reason *wsroom.Ending, cause error) {
	c.handler.refusedConnect(c.session.RemoteAddr(), reason, cause)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stage == entering {
		c.stage = outside
	}
	if c.handler.RefuseByLeaving {
		c.session.Tell(connected(engineio.NewID(), "", ""))
		c.session.Tell(disconnected)
		return
	}
	c.session.Tell(refused(reason))
}

// enter lets the client in, unless it has left.
func (c *client) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stage == entering {
		c.stage = connectedStage
	}
	c.session.Expect(0)
	c.session.Trust()
}

// tell notes that the client is told its welcome: from then on it is a client that has come in, wherever it goes on.
func (c *client) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = true
}

// replayBytes is how much of a replay waits for the client at a time.
const replayBytes = 32 << 10

// replay tells a client what it missed, piece by piece: the next is told when the one before is written, so that a replay does not count as a backlog.
type replay struct {
	client   *client
	done     <-chan struct{} // closed when there is no use in going on
	account  string
	at       string // the cursor of a stream that begins now
	pid, sid string // of the connection that the client wants to resume

	messages []*wsroom.Message
	bytes    int
	told     bool
}

// Welcome implements wsroom.ReplaySink. The client knows that it was recovered by the pid being its own.
func (r *replay) Welcome(cursor string, recovered bool) {
	r.client.enter()
	if !recovered {
		r.pid, r.sid = "", engineio.NewID()
		if !r.client.handler.NoRecovery {
			r.pid = state{r.account, r.at, r.sid}.pid()
		}
	}
	from := r.at
	if recovered {
		from = cursor
	}
	r.messages = append(r.messages, connected(r.sid, r.pid, from))
}

// Event implements wsroom.ReplaySink.
func (r *replay) Event(ev wsroom.Event) (full bool) {
	message := r.client.handler.protocol.Message(ev)
	r.messages = append(r.messages, message)
	r.bytes += len(message.Frame())
	return r.bytes >= replayBytes
}

// Flush implements wsroom.ReplaySink.
func (r *replay) Flush() error {
	if r.told {
		select {
		case <-r.client.session.Member().Drained():
		case <-r.done:
			return errEnded
		}
	}
	r.client.tell()
	for _, m := range r.messages {
		if !r.client.session.Tell(m) {
			return errEnded
		}
	}
	clear(r.messages)
	r.messages, r.bytes, r.told = r.messages[:0], 0, true
	return nil
}
