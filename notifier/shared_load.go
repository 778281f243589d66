package notifier

import (
	"context"
	"sync"
)

// sharedLoads load the data of events for clients that replay: an event that one client's load waits for, or is about
// to bring, is not loaded again for another. Events of several accounts go into one load.
//
// Data is "the appointment as it is now", and what may be shared is data whose load ends after the client has asked. That
// load may have begun a moment before, and so show a state that is a moment older than the client's question; it is
// never older than the event itself, which was in the log before its load began. A change that such data does not show
// has an event of its own, later in this client's stream, with data loaded later than that change: what the client holds
// in the end is the same. Data whose load is over is shared with nobody new, however long a slow client
// takes to write it: it is free when the last client that took it has written it, so memory follows what is being
// written and not what was missed.
type sharedLoads struct {
	loader *Loader
	rounds rounds[*missedEvent]

	mu      sync.Mutex
	pending map[Cursor]*missedEvent // whose load is not over
}

// missedEvent is an event on its way to the clients who missed it.
type missedEvent struct {
	Event
	data  []byte // when its round is done
	round *round[*missedEvent]
}

// loadBatch bounds one load for clients who missed events.
const loadBatch = 500

func newSharedLoads(loader *Loader, turns chan struct{}) *sharedLoads {
	l := &sharedLoads{loader: loader, pending: make(map[Cursor]*missedEvent)}
	l.rounds = rounds[*missedEvent]{turns: turns, most: loadBatch, ask: l.ask, over: l.over}
	return l
}

// load returns events with their data.
func (l *sharedLoads) load(ctx context.Context, events []Event) ([]*missedEvent, error) {
	loading := make([]*missedEvent, len(events))
	v := visit[*missedEvent]{rounds: &l.rounds}
	l.mu.Lock()
	for i, event := range events {
		one := l.pending[event.Cursor]
		if one == nil || !v.join(one.round) {
			one = &missedEvent{Event: event}
			one.round = v.add(ctx, one)
			l.pending[event.Cursor] = one
		}
		loading[i] = one
	}
	l.mu.Unlock()
	return loading, v.wait(ctx)
}

func (l *sharedLoads) ask(ctx context.Context, items []*missedEvent) error {
	events := make([]Event, len(items))
	for i, item := range items {
		events[i] = item.Event
	}
	data, err := l.loader.Load(ctx, events)
	for i := range data {
		items[i].data = data[i]
	}
	return err
}

func (l *sharedLoads) over(items []*missedEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, item := range items {
		if l.pending[item.Cursor] == item { // and not that of a client who came when all of this round had left
			delete(l.pending, item.Cursor)
		}
	}
}
