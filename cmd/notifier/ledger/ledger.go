// Package ledger remembers what this daemon did with the last events: when it numbered, read and published them, to how many sockets they were
// written, whom they evicted, and who got them as a part of a replay. It is what `notifier trace` asks every daemon for. It lives in memory, holds ids
// only, and is bounded; of what it has forgotten it says so.
//
//	ledger.go  what the feed and the rooms tell
//	entry.go   one event
//	recent.go  what is kept of many
//	facts.go   what is answered
package ledger

import (
	"maps"
	"sync"
	"time"

	"notifier/notifier"
	"notifier/wsroom"
)

// How much is remembered: some megabytes, when all of it is full.
const (
	mostEvents  = 20_000
	mostReplays = 20_000
	mostSteps   = 20_000 // of reading and of numbering, each of which is of one event or more
)

// Ledger implements notifier.Tracer and wsroom.Tracer. The zero value is not one: see New.
type Ledger struct {
	current *entry // of the event that is being published: the feed's goroutine's own

	mu        sync.Mutex
	ahead     time.Duration // by how much the database's clock is
	settled   int64         // everything up to here was published, or nobody waited for it
	numbered  stretches
	read      stretches
	published recent[int64, *entry]
	replayed  recent[string, *entry]
	released  recent[int64, time.Time]
}

var (
	_ notifier.Tracer = (*Ledger)(nil)
	_ wsroom.Tracer   = (*Ledger)(nil)
)

// New is an empty ledger.
func New() *Ledger { return newLedger(mostEvents, mostReplays, mostSteps) }

func newLedger(events, replays, steps int) *Ledger {
	return &Ledger{
		numbered: stretches{most: steps}, read: stretches{most: steps},
		published: newRecent[int64, *entry](events), replayed: newRecent[string, *entry](replays), released: newRecent[int64, time.Time](events),
	}
}

// Pumped implements notifier.Tracer, as the next seven do.
func (l *Ledger) Pumped(after, last int64, rung bool, _ time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.numbered.add(stretch{after, last, time.Now(), rung})
}

// Released notes that it was this daemon.
func (l *Ledger) Released(seq int64, _ string, _ time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released.put(seq, time.Now())
}

// Began notes where this daemon's part of the log begins.
func (l *Ledger) Began(seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read.begin(seq)
	l.numbered.begin(seq)
	l.settled = seq
}

// Read notes when a stretch of the log was.
func (l *Ledger) Read(after, last int64, _ time.Time, ahead time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read.add(stretch{after: after, last: last, at: time.Now()})
	l.ahead = ahead
}

// Settled notes that nobody was here for what was read and not published.
func (l *Ledger) Settled(seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read.cut(seq)
	if seq < l.settled { // the log went back: what we did to events that are void says nothing of those that have their numbers now
		l.numbered.cut(seq)
		maps.DeleteFunc(l.released.values, func(released int64, _ time.Time) bool { return released > seq })
	}
	l.settled = seq
}

// Loaded is nothing to remember.
func (l *Ledger) Loaded(int, time.Time) {}

// Publishing makes the event's entry.
func (l *Ledger) Publishing(event notifier.Event, _ time.Duration) {
	l.current = &entry{epoch: event.Cursor.Epoch}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.published.put(event.Cursor.Seq, l.current)
}

// Published notes for how many it was queued.
func (l *Ledger) Published(members int) {
	l.current.publish(time.Now(), members)
}

// Trace implements wsroom.Tracer. It is called between Publishing and Published, by the same goroutine.
func (l *Ledger) Trace(string, string) wsroom.Trace { return l.current }

// Replaying implements wsroom.Tracer, for an event that is sent to one connection as a part of what it missed.
func (l *Ledger) Replaying(id, conn string) wsroom.Trace {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, known := l.replayed.get(id)
	if !known {
		e = &entry{partial: l.replayed.forgot}
		l.replayed.put(id, e)
	}
	return &replay{e, conn}
}
