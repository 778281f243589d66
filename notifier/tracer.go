package notifier

import "time"

// Tracer is told how events come from their rows to the rooms: each step when it is over, with when it began. All but
// Released is called by the feed's goroutine, for a batch in this order: Pumped, Read, Loaded, and then for each event
// that somebody here waits for Publishing and Published. Implementations must not block.
type Tracer interface {
	// Pumped: this daemon has numbered the events after a number up to last.
	Pumped(after, last int64, began time.Time)
	// Released: the doctor of an event's appointment has his outcome, see Metrics.Released. By a goroutine of its own,
	// before the event is published or after.
	Released(seq int64, outcome string, began time.Time)
	// Read: so many events of the log were read.
	Read(events int, began time.Time)
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

func (untraced) Pumped(int64, int64, time.Time)    {}
func (untraced) Released(int64, string, time.Time) {}
func (untraced) Read(int, time.Time)               {}
func (untraced) Loaded(int, time.Time)             {}
func (untraced) Publishing(Event, time.Duration)   {}
func (untraced) Published(int)                     {}
