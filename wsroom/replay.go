package wsroom

import (
	"context"
	"errors"
	"fmt"

	"notifier/wsroom/socket"
)

var errPartialReplay = errors.New("the log gave a part and then refused the cursor")

// Replay is what a client missed, on its way past the queue: it goes out at the client's own pace, while the queue collects what is published
// meanwhile.
type Replay struct {
	Log      Log
	Member   *Member // to whom
	Metrics  Metrics // Replayed
	Account  string
	Cursor   string // the client's; "": it brings none
	Position int64  // that Join told: up to where to replay
	At       string // and its cursor
}

// ReplaySink is the connection that is replayed to. Nothing is called at the same time as anything else.
type ReplaySink interface {
	// Welcome comes once, before any event: the stream starts at this cursor.
	Welcome(cursor string, recovered bool)
	// Event takes one event and reports whether it is time to Flush.
	Event(ev Event) (full bool)
	// Flush brings what was collected to the client and may block for as long as the client needs, but not beyond its end.
	Flush() error
}

// replaying is a Replay under way.
type replaying struct {
	*Replay
	sink     ReplaySink
	cancel   context.CancelCauseFunc
	last     int64
	welcomed bool
}

// Run answers the client's cursor with the welcome and what was missed up to the position, and returns up to which event the client has been told
// everything: what to call Live with. A reason is for the client, its error for the log.
func (r *Replay) Run(ctx context.Context, sink ReplaySink) (upTo int64, reason *Ending, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	under := &replaying{Replay: r, sink: sink, cancel: cancel, last: r.Position}
	if r.Cursor == "" {
		sink.Welcome(r.At, false)
	} else if reason, err := under.answer(ctx); reason != nil {
		return 0, reason, fmt.Errorf("replay: %w", err)
	}
	if err := sink.Flush(); err != nil {
		return 0, Lost, fmt.Errorf("replay: %w", err)
	}
	return under.last, nil, nil
}

// answer asks the log.
func (r *replaying) answer(ctx context.Context) (*Ending, error) {
	recovered, err := r.Log.Replay(ctx, r.Account, r.Cursor, r.Position, r.yield)
	switch {
	case ctx.Err() != nil: // the client left, or could not be written to
		return Lost, context.Cause(ctx)
	case err == nil && !recovered && r.welcomed:
		err = errPartialReplay
		fallthrough
	case err != nil:
		r.Metrics.Replayed("failed")
		return Unavailable, err
	case !recovered:
		r.Metrics.Replayed("refused")
		r.sink.Welcome(r.At, false)
	default:
		r.Metrics.Replayed("recovered")
		r.welcome()
		r.skipAhead()
	}
	return nil, nil
}

// skipAhead is for a client that was served by somebody who is ahead of us: what it has had there it is not sent again.
func (r *replaying) skipAhead() {
	if seq, ok := SeqOf(r.Log, r.Cursor); ok {
		r.last = max(r.last, seq)
	}
}

// SeqOf is the number of a cursor, if it is good and the log has a way to tell.
func SeqOf(log Log, cursor string) (seq int64, ok bool) {
	if log, knows := log.(interface {
		Seq(cursor string) (int64, bool)
	}); knows {
		return log.Seq(cursor)
	}
	return 0, false
}

// yield takes one missed event. The first one proves that the cursor is good, so the welcome goes before it. After a failed write the context
// is cancelled, and what still comes is dropped.
func (r *replaying) yield(id string, seq int64, event string, data []byte) {
	r.welcome()
	r.last = max(r.last, seq)
	if r.sink.Event(Event{ID: id, Seq: seq, Name: event, Data: data, trace: r.Member.traceReplay(id)}) {
		if err := r.sink.Flush(); err != nil {
			r.cancel(err)
		}
	}
}

func (r *replaying) welcome() {
	if !r.welcomed {
		r.welcomed = true
		r.sink.Welcome(r.Cursor, true)
	}
}

// replayBytes is how much of a replay is written at once.
const replayBytes = 32 << 10

// plainReplay writes a replay to a connection of /ws, by the opener, which blocks when the client is slow.
type plainReplay struct {
	session *session
	who     Identity
	buf     []byte
	events  int
	traces  Traces
}

// Welcome implements ReplaySink.
func (r *plainReplay) Welcome(cursor string, recovered bool) {
	r.buf = append(r.buf, socket.AppendText(nil, appendWelcome(nil, r.who.Account, cursor, recovered, r.who.ExpiresAt))...)
}

// Event implements ReplaySink.
func (r *plainReplay) Event(ev Event) (full bool) {
	r.buf = Plain.AppendFrame(r.buf, ev)
	r.events++
	if ev.trace != nil {
		r.traces = append(r.traces, ev.trace)
	}
	return len(r.buf) >= replayBytes
}

// Flush implements ReplaySink.
func (r *plainReplay) Flush() error {
	err := r.session.conn.Write(r.buf)
	switch {
	case err != nil:
		r.traces.Dropped()
	case r.events > 0:
		r.traces.Written()
		r.session.handler.Metrics.Delivered(Plain.name, r.events)
	}
	r.buf, r.events, r.traces = r.buf[:0], 0, r.traces[:0]
	return err
}
