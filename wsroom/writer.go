package wsroom

import (
	"bytes"
	"slices"
	"sync"

	"notifier/wsroom/socket"
)

// Writer brings a member's queue to its WebSocket, and its ending. It implements Receiver; while the queue is empty it is only these fields. Set
// Member and Conn before the member can be woken, and do not copy it.
type Writer struct {
	Member *Member
	Conn   *socket.Conn

	// Finish carries out an ending, on a goroutine of its own, after everything queued before it was written. It is not called for an ending that
	// finds the connection lost.
	Finish func(*Ending)

	running sync.WaitGroup
}

// Wake implements Receiver.
func (w *Writer) Wake() {
	w.running.Add(1)
	w.Member.hub.crew.add(w)
}

// GiveUp implements Receiver.
func (w *Writer) GiveUp() { w.Conn.GiveUp() }

// Wait returns when nothing is being written. After Member.Leave nothing will be again.
func (w *Writer) Wait() { w.running.Wait() }

// turn writes what is queued, until nothing is left or the kernel takes no more.
func (w *Writer) turn(h *hand) {
	for {
		messages, ending := w.Member.Take(h.messages, batchBytes)
		if len(messages) == 0 {
			w.end(ending)
			return
		}
		frames, events := h.join(messages), countEvents(messages)
		h.traces = h.traces.Of(messages)
		rest, err := w.Conn.TryWrite(h.attempt, frames)
		if len(rest) > 0 && len(messages) > 1 {
			rest = bytes.Clone(rest) // the buffer is the hand's
		}
		clear(messages)
		switch {
		case err != nil:
			h.traces.Dropped()
			w.lose()
			return
		case len(rest) > 0:
			go w.push(rest, events, slices.Clone(h.traces)) // they are the hand's, too
			return
		}
		w.delivered(events, h.traces)
	}
}

// push is the way of a client that does not keep up: it blocks, and then goes back to the crew with what was queued meanwhile.
func (w *Writer) push(rest []byte, events int, traces Traces) {
	if err := w.Conn.WriteRest(rest); err != nil {
		traces.Dropped()
		w.lose()
		return
	}
	w.delivered(events, traces)
	w.Member.hub.crew.add(w)
}

// end carries out an ending, if there is one, and gives the turn up.
func (w *Writer) end(ending *Ending) {
	switch ending {
	case nil:
		w.running.Done()
	case Lost:
		w.lose()
	default:
		go func() {
			defer w.running.Done()
			w.Finish(ending)
		}()
	}
}

// lose cuts a connection that cannot be written to: a frame may be cut in two, so nothing can follow. The reader finds out and leaves.
func (w *Writer) lose() {
	w.Conn.Cut()
	w.running.Done()
}

func (w *Writer) delivered(events int, traces Traces) {
	traces.Written()
	if events > 0 {
		w.Member.hub.metrics.Delivered(w.Member.protocol.name, events)
	}
}

func countEvents(messages []*Message) int {
	events := 0
	for _, m := range messages {
		if m.seq != 0 {
			events++
		}
	}
	return events
}
