package wsroom

import (
	"context"
	"fmt"

	"notifier/wsroom/socket"
)

// replayBytes is how much of a replay is written at once.
const replayBytes = 32 << 10

// replay is what a client missed, on its way past the queue: it is written by the opener, which blocks when the client is slow, while the
// queue collects what is published meanwhile.
type replay struct {
	session  *session
	who      identity
	cursor   string
	buf      []byte
	last     int64
	events   int
	welcomed bool
	cancel   context.CancelCauseFunc
}

// replay answers a client's cursor with the welcome and what was missed up to the position, and returns up to which event the client has been
// told everything. A reason is for the client, its error for the log.
func (s *session) replay(ctx context.Context, who identity, cursor string, joined place) (int64, *Ending, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &replay{session: s, who: who, cursor: cursor, last: joined.seq, cancel: cancel}
	recovered, err := s.handler.log.Replay(ctx, who.account, cursor, joined.seq, r.yield)
	switch {
	case ctx.Err() != nil: // the client left, or could not be written to
		return 0, Lost, fmt.Errorf("replay: %w", context.Cause(ctx))
	case err == nil && !recovered && r.welcomed:
		err = errPartialReplay
		fallthrough
	case err != nil:
		s.handler.Metrics.Replayed("failed")
		return 0, Unavailable, fmt.Errorf("replay: %w", err)
	case !recovered:
		s.handler.Metrics.Replayed("refused")
		r.buf = s.welcome(who, joined.cursor, false)
	default:
		s.handler.Metrics.Replayed("recovered")
		r.welcome()
		r.skipAhead()
	}
	if err := r.flush(); err != nil {
		return 0, Lost, fmt.Errorf("replay: %w", err)
	}
	return r.last, nil, nil
}

// skipAhead is for a client that was served by somebody who is ahead of us: what it has had there it is not sent again.
func (r *replay) skipAhead() {
	if log, knows := r.session.handler.log.(interface {
		Seq(cursor string) (int64, bool)
	}); knows {
		if seq, ok := log.Seq(r.cursor); ok {
			r.last = max(r.last, seq)
		}
	}
}

// yield takes one missed event. The first one proves that the cursor is good, so the welcome goes before it. After a failed write the context
// is cancelled, and what still comes is dropped.
func (r *replay) yield(id string, seq int64, event string, data []byte) {
	r.welcome()
	r.buf = Plain.AppendFrame(r.buf, Event{ID: id, Seq: seq, Name: event, Data: data})
	r.last = max(r.last, seq)
	r.events++
	if len(r.buf) >= replayBytes {
		if err := r.flush(); err != nil {
			r.cancel(err)
		}
	}
}

func (r *replay) welcome() {
	if !r.welcomed {
		r.welcomed = true
		r.buf = append(r.buf, r.session.welcome(r.who, r.cursor, true)...)
	}
}

func (r *replay) flush() error {
	err := r.session.conn.Write(r.buf)
	if err == nil && r.events > 0 {
		r.session.handler.Metrics.Delivered(Plain.name, r.events)
	}
	r.buf, r.events = r.buf[:0], 0
	return err
}

// welcome is the first frame of a stream, which starts at the cursor.
func (s *session) welcome(who identity, cursor string, recovered bool) []byte {
	return socket.AppendText(nil, appendWelcome(nil, who.account, cursor, recovered, who.expiresAt))
}
