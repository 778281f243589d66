package notifier

import "time"

// Tracer is told how events come from their rows to the rooms: each step when it is over, with when it began. All but
// Released is called by the feed's goroutine, for a batch in this order: Pumped, Read, Loaded, and then for each event
// that somebody here waits for Publishing and Published; at last Settled. Implementations must not block.
type Tracer interface {
	// Began: the feed's place is seq: it reads what comes after. Once, before everything else.
	Began(seq int64)
	// Settled: the feed's place is seq now. Everything up to it was published, or nobody here waited for it; what was read after
	// it does not count any more: the log went back.
	Settled(seq int64)
	// Pumped: this daemon has numbered the events after a number up to last. rung: it was woken to do so; else it found them when it looked.
	Pumped(after, last int64, rung bool, began time.Time)
	// Released: the doctor of an event's appointment has his outcome, see Metrics.Released. By a goroutine of its own,
	// before the event is published or after.
	Released(seq int64, outcome string, began time.Time)
	// Read: the events after a number up to last were read. ahead is by how much the database's clock is ahead of ours.
	Read(after, last int64, began time.Time, ahead time.Duration)
	// Loaded: the data of so many of them was loaded; not called when nobody waits for any.
	Loaded(events int, began time.Time)
	// Publishing: the event's turn has come. age is the time since its row was changed, by the database's clock.
	Publishing(event Event, age time.Duration)
	// Published: the same event is in the queues of so many members.
	Published(members int)
}

// TraceTo has the feed and its releaser tell a tracer. It must come before Run.
func (f *Feed) TraceTo(tracer Tracer) {
	f.tracer, f.releaser.tracer = tracer, tracer
}

// untraced is the tracer of who has none.
type untraced struct{}

func (untraced) Pumped(int64, int64, bool, time.Time)        {}
func (untraced) Released(int64, string, time.Time)           {}
func (untraced) Began(int64)                                 {}
func (untraced) Settled(int64)                               {}
func (untraced) Read(int64, int64, time.Time, time.Duration) {}
func (untraced) Loaded(int, time.Time)                       {}
func (untraced) Publishing(Event, time.Duration)             {}
func (untraced) Published(int)                               {}
