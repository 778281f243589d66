package wsroom

import "time"

// Tracer is asked who follows an event to the sockets. Either may return nil: nobody does.
type Tracer interface {
	// Trace is asked for an event that is being published, once for each protocol that has a member in the room.
	Trace(id, protocol string) Trace
	// Replaying is asked for an event that one connection has missed, before it is sent to it.
	Replaying(id, conn string) Trace
}

// Trace is told what becomes of one event for the members of one protocol: for each member that Hub.Publish has counted, Written or Dropped
// comes, in the end. They are called from many goroutines, some while a member is locked, and must not block.
type Trace interface {
	// Written: one member's socket has taken it, or its held request was answered with it.
	Written(at time.Time)
	// Dropped: one member will not be written it. He has left or was evicted, or has got it as a part of his replay.
	Dropped()
	// Evicted: one member had no room left for it, was not counted, and is being closed.
	Evicted(conn string)
}

// Traces are those of several messages. With nobody who traces they are empty, and cost nothing.
type Traces []Trace

// Of returns the traces of messages, in the memory of ts.
func (ts Traces) Of(messages []*Message) Traces {
	ts = ts[:0]
	for _, m := range messages {
		if m.trace != nil {
			ts = append(ts, m.trace)
		}
	}
	return ts
}

// Written tells all of them.
func (ts Traces) Written() {
	if len(ts) == 0 {
		return
	}
	now := time.Now()
	for _, t := range ts {
		t.Written(now)
	}
}

// Dropped tells all of them.
func (ts Traces) Dropped() {
	for _, t := range ts {
		t.Dropped()
	}
}

// drop is for a message that leaves a queue without having been taken.
func (m *Message) drop() {
	if m.trace != nil {
		m.trace.Dropped()
	}
}

// traceReplay is who follows an event that this member has missed.
func (m *Member) traceReplay(id string) Trace {
	if m.hub.tracer == nil {
		return nil
	}
	return m.hub.tracer.Replaying(id, m.ID())
}
