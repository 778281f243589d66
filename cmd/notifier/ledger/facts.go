package ledger

import (
	"slices"
	"time"
)

// Event is one that is asked for.
type Event struct {
	ID    string `json:"id"`
	Epoch int64  `json:"epoch"` // in which it was numbered
	Seq   int64  `json:"seq"`
}

// What a daemon knows of an event.
const (
	Published = "published" // and to whom stands beside it
	Nobody    = "nobody"    // it was read, and nobody of its account was connected here
	Read      = "read"      // it was read, and is being loaded
	Unread    = "unread"    // it was not read yet
	Before    = "before"    // the daemon began after it, or its log was cut there: only replays are known
	Forgotten = "forgotten" // it is too long ago for this daemon to remember
)

// Facts are what this daemon knows of one event. Times are by the database's clock, as far as this daemon can tell; those that are not known are nil.
type Facts struct {
	State       string     `json:"state"`
	NumberedAt  *time.Time `json:"numbered_at,omitempty"` // it was this daemon that did
	Rung        bool       `json:"rung,omitempty"`        // because it was woken, by the bell as a rule; else it found the row when it looked
	ReleasedAt  *time.Time `json:"released_at,omitempty"` // it was this daemon that settled what the event asks for
	ReadAt      *time.Time `json:"read_at,omitempty"`
	PublishedAt *time.Time `json:"published_at,omitempty"`
	Members     int        `json:"members"` // in whose queues it was put
	Sent        Sent       `json:"sent"`
	Evicted     []string   `json:"evicted,omitempty"` // connections that had no room for it
	MoreEvicted int        `json:"more_evicted,omitempty"`
	Replayed    *Replayed  `json:"replayed,omitempty"`

	ReplaysForgotten bool `json:"replays_forgotten,omitempty"` // there may have been others, which this daemon does not remember
}

// Sent is what became of an event in the queues.
type Sent struct {
	Written int64      `json:"written"` // sockets took it
	Dropped int64      `json:"dropped"` // queued, and then not written: the connection ended, or had it as a part of its replay
	First   *time.Time `json:"first,omitempty"`
	Last    *time.Time `json:"last,omitempty"`
}

// Replayed is to whom an event was sent as a part of what they had missed.
type Replayed struct {
	Sent
	Conns []string `json:"conns"`
	More  int      `json:"more,omitempty"`
}

// Facts answers for each event, in their order.
func (l *Ledger) Facts(events []Event) []Facts {
	facts := make([]Facts, len(events))
	for i, event := range events {
		facts[i] = l.facts(event)
	}
	return facts
}

func (l *Ledger) facts(event Event) Facts {
	l.mu.Lock()
	live, known := l.published.get(event.Seq)
	known = known && live.epoch == event.Epoch
	replays, replayed := l.replayed.get(event.ID)
	readIn, read := l.read.find(event.Seq)
	numberedIn, numbered := l.numbered.find(event.Seq)
	releasedAt, released := l.released.get(event.Seq)
	f := Facts{State: l.state(event.Seq, known, read), ReplaysForgotten: l.replayed.forgot && !replayed}
	ahead := l.ahead
	l.mu.Unlock()

	f.ReadAt, f.NumberedAt, f.ReleasedAt = when(readIn.at, read), when(numberedIn.at, numbered), when(releasedAt, released)
	f.Rung = numberedIn.rung
	if known {
		f.publishedAs(live)
	}
	if replayed {
		f.Replayed, f.ReplaysForgotten = replays.replays(), replays.partial
	}
	f.shift(ahead)
	return f
}

func (l *Ledger) state(seq int64, known, read bool) string {
	switch {
	case known:
		return Published
	case l.published.forgot && seq <= l.published.forgotten, seq <= l.read.since && l.read.since > l.read.began:
		return Forgotten
	case seq <= l.read.since:
		return Before
	case read && seq <= l.settled:
		return Nobody
	case read:
		return Read
	case seq <= l.read.last():
		return Before
	}
	return Unread
}

func (f *Facts) publishedAs(e *entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f.PublishedAt, f.Members = when(e.publishedAt, !e.publishedAt.IsZero()), e.members
	f.Evicted, f.MoreEvicted = slices.Clone(e.named), e.unnamed
	f.Sent = e.sent()
}

func (e *entry) replays() *Replayed {
	e.mu.Lock()
	defer e.mu.Unlock()
	return &Replayed{Sent: e.sent(), Conns: append([]string{}, e.named...), More: e.unnamed}
}

func (e *entry) sent() Sent {
	s := Sent{Written: e.written.Load(), Dropped: e.dropped.Load()}
	first, last := e.first.Load(), e.last.Load()
	s.First, s.Last = when(time.Unix(0, first), first != 0), when(time.Unix(0, last), last != 0)
	return s
}

func when(at time.Time, known bool) *time.Time {
	if !known {
		return nil
	}
	at = at.UTC()
	return &at
}

// shift moves all times, to those of another clock.
func (f *Facts) shift(by time.Duration) {
	times := []*time.Time{f.NumberedAt, f.ReleasedAt, f.ReadAt, f.PublishedAt, f.Sent.First, f.Sent.Last}
	if f.Replayed != nil {
		times = append(times, f.Replayed.First, f.Replayed.Last)
	}
	for _, at := range times {
		if at != nil {
			*at = at.Add(by)
		}
	}
}
