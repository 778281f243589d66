package ledger

import (
	"sync"
	"sync/atomic"
	"time"
)

// mostNamed is how many connections are named; the others are counted.
const mostNamed = 10

// entry is one event: what became of it when it was published, or in the replays that brought it. It implements wsroom.Trace.
type entry struct {
	epoch   int64 // 0: of replays
	partial bool  // of replays: there may have been others before, which are forgotten

	written atomic.Int64
	dropped atomic.Int64
	last    atomic.Int64 // when a socket took it last, in Unix nanoseconds; 0: none has
	first   atomic.Int64 // and when the first did

	mu          sync.Mutex
	publishedAt time.Time
	members     int
	named       []string // whom it evicted, or to whom it was replayed
	unnamed     int
}

func (e *entry) publish(at time.Time, members int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.publishedAt, e.members = at, members
}

// Written implements wsroom.Trace.
func (e *entry) Written(at time.Time) {
	e.written.Add(1)
	now := at.UnixNano()
	for first := e.first.Load(); (first == 0 || now < first) && !e.first.CompareAndSwap(first, now); {
		first = e.first.Load()
	}
	for last := e.last.Load(); now > last && !e.last.CompareAndSwap(last, now); {
		last = e.last.Load()
	}
}

// Dropped implements wsroom.Trace.
func (e *entry) Dropped() { e.dropped.Add(1) }

// Evicted implements wsroom.Trace.
func (e *entry) Evicted(conn string) { e.name(conn) }

func (e *entry) name(conn string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.named) == mostNamed {
		e.unnamed++
		return
	}
	e.named = append(e.named, conn)
}

// replay is an event on its way to one connection that missed it.
type replay struct {
	entry *entry
	conn  string
}

// Written implements wsroom.Trace.
func (r *replay) Written(at time.Time) {
	r.entry.name(r.conn)
	r.entry.Written(at)
}

// Dropped implements wsroom.Trace.
func (r *replay) Dropped() { r.entry.Dropped() }

// Evicted implements wsroom.Trace.
func (r *replay) Evicted(string) { r.entry.Dropped() }
