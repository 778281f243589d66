package notifier

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Rooms is where the feed publishes. Its methods are called by one goroutine and must not block.
type Rooms interface {
	// Open: the feed runs and stands at seq. It comes once at start, and again after a Suspend.
	Open(seq int64, cursor string)
	// Suspend: the database is away, or lacks something; nobody new can be told where his stream starts.
	Suspend()
	// Claim: events up to seq are about to be published. It returns the accounts that have members at this
	// instant; whoever joins later starts after seq.
	Claim(seq int64, cursor string) map[string]struct{}
	// Publish hands an event to the account's members and returns their number.
	Publish(account, id string, seq int64, event string, data []byte) int
	// Settle: everything up to seq has been published.
	Settle(seq int64, cursor string)
	// Resync: the log went back, or was cut, and goes on after seq. What members were told may not have happened,
	// or something is missing: they come back with their cursors, and Log judges those.
	Resync(seq int64, cursor string)
}

// Feed is the loop from the database to the rooms. Make it with NewFeed; Run does the work.
type Feed struct {
	pool      *pgxpool.Pool
	rooms     Rooms
	loader    *Loader
	releaser  *Releaser
	announcer *announcer
	poll      time.Duration
	eager     time.Duration // eagerPoll, but for tests of the bell alone
	metrics   Metrics
	tracer    Tracer
	log       *slog.Logger

	wake      chan struct{} // one slot: wake-ups collapse
	rung      atomic.Bool   // a bell was among them
	announced atomic.Int64  // the highest number among them that another daemon's pump told of
	health    atomic.Pointer[error]
	steps     atomic.Int64 // see Work; odd while there is one

	// Run's own.
	at      Cursor      // everything up to here was published
	claimed int64       // who is in a room started at this number at most: that of the last claim
	opened  bool        // the rooms know the place
	clock   serverClock // as the last probe has read it
	commits timeLimit   // how long the next pump may take
	yielded bool        // another daemon was numbering when we wanted to: only the first such look makes the next one soon
	came    int         // events that this round has numbered
	crowd   bool        // the round before had a crowd of them
	silent  time.Time   // until then nobody rings, at our request
	release attempt     // of the doctors of what was numbered last
	doctors bool        // doctors' changes are told: a release makes a row that does not ring
}

// NewFeed makes a feed that looks into staging at least every poll.
func NewFeed(pool *pgxpool.Pool, rooms Rooms, loader *Loader, releaser *Releaser, poll time.Duration,
	metrics Metrics, log *slog.Logger,
) *Feed {
	f := &Feed{
		pool: pool, rooms: rooms, loader: loader, releaser: releaser, announcer: newAnnouncer(pool), poll: poll, eager: eagerPoll, metrics: metrics, log: log,
		tracer: untraced{}, wake: make(chan struct{}, 1),
	}
	f.setHealth(newFeedError(errNotStarted))
	return f
}

// prospect is when the next look should come, if no bell calls for one.
type prospect uint8

const (
	later prospect = iota // there was nothing: ever later
	usual                 // there was something, and more of it will ring
	soon                  // there is, or was, what did not ring
)

// round is one pass: number what is committed, then publish what is numbered.
func (f *Feed) round(ctx context.Context) (next prospect, err error) {
	if err := f.locate(ctx); err != nil {
		return later, err
	}
	rung := f.rung.Swap(false) || !f.opened
	f.crowd, f.came = f.came >= crowdFrom, 0
	for {
		n, err := f.number(ctx, rung)
		if err != nil {
			return next, err
		}
		if err := f.open(ctx); err != nil {
			return next, err
		}
		if n.end.Epoch != f.at.Epoch || n.end.Seq < f.at.Seq {
			n.read = nil
			if err := f.changeEpoch(ctx, n.end); err != nil {
				return next, err
			}
		}
		switch {
		case n.unrung, n.byOther && !f.yielded:
			next = soon
		case n.end.Seq > f.at.Seq:
			next = max(next, usual)
		}
		f.yielded = n.byOther
		if err := f.publishUpTo(ctx, n.end.Seq, n.read); err != nil {
			return next, err
		}
		if !n.more {
			return next, nil
		}
		rung = true
	}
}

// locate finds the place where this daemon starts.
func (f *Feed) locate(ctx context.Context) error {
	if f.at.Epoch != 0 {
		return nil
	}
	end, err := f.probe(ctx)
	if err != nil {
		return err
	}
	f.at = end.cursor
	f.tracer.Began(f.at.Seq)
	return nil
}

// probe is probe, and sets the clock.
func (f *Feed) probe(ctx context.Context) (head, error) {
	f.step()
	h, err := probe(ctx, f.pool)
	if err == nil {
		f.clock = h.clock
	}
	return h, err
}

// open lets screens in, for the first time or again, once the log was numbered and the data can be asked for:
// a database that answers but lacks something would otherwise be opened and suspended in turn.
func (f *Feed) open(ctx context.Context) error {
	if f.opened {
		return nil
	}
	if err := f.loader.check(ctx); err != nil {
		return err
	}
	f.rooms.Open(f.at.Seq, f.at.String())
	f.opened = true
	f.setHealth(nil)
	f.log.LogAttrs(ctx, slog.LevelInfo, "feed_open", slog.String("cursor", f.at.String()))
	return nil
}

// numbering is how far the log goes after number.
type numbering struct {
	end     Cursor
	read    []Event // the first events of what was numbered, if they are the next
	more    bool    // a full batch was numbered: there may be more
	unrung  bool    // rows were found by looking, or a writer is at work whose commit will not ring
	byOther bool    // another daemon is numbering at this moment; whether we hear its announcement or not, we look soon
}

// number pumps if a bell or the probe says that rows wait.
func (f *Feed) number(ctx context.Context, rung bool) (numbering, error) {
	f.step()
	if !rung {
		seen, err := f.probe(ctx)
		if err != nil || !seen.staged {
			return numbering{end: seen.cursor}, err
		}
	}
	began := time.Now()
	var silence time.Duration
	if f.crowd {
		silence = crowdSilence
	}
	p, ok, err := pump(ctx, f.pool, f.at.Seq, silence, &f.commits, f.metrics)
	if err != nil {
		return numbering{}, err
	}
	if !ok {
		seen, err := f.probe(ctx)
		return numbering{end: seen.cursor, byOther: true}, err
	}
	f.came += p.events
	if silence > 0 && p.events > 0 {
		f.silent = time.Now().Add(silence)
	}
	if p.events > 0 {
		f.tracer.Pumped(p.cursor.Seq-int64(p.events), p.cursor.Seq, rung, began)
		f.announcer.announce(p.cursor.Seq)
	}
	if p.effectsWait {
		f.release = f.releaser.Try(p.cursor.Seq - int64(p.events))
	}
	return numbering{end: p.cursor, read: p.read, more: p.events == pumpBatch, unrung: p.silent || p.events > 0 && !rung || p.effectsWait && f.doctors}, nil
}

// publishUpTo reads and publishes batch by batch until the place is end. The first batch may have been read already.
func (f *Feed) publishUpTo(ctx context.Context, end int64, events []Event) (err error) {
	for ; f.at.Seq < end; events = nil {
		f.step()
		began := time.Now()
		if len(events) == 0 {
			events, err = readAfter(ctx, f.pool, f.at.Seq)
		}
		switch {
		case err != nil:
			return err
		case len(events) == 0:
			f.skipGap(ctx, end+1)
			return nil
		case events[0].Cursor.Seq != f.at.Seq+1:
			f.skipGap(ctx, events[0].Cursor.Seq)
			continue
		}
		events = upToEpoch(events, f.at.Epoch)
		if len(events) == 0 {
			return nil // the log has moved since its end was looked up: the next round follows it first
		}
		f.tracer.Read(f.at.Seq, events[len(events)-1].Cursor.Seq, began, f.clock.ahead())
		if err := f.publish(ctx, events); err != nil {
			return err
		}
	}
	return nil
}

// upToEpoch leaves away what was numbered in a later epoch. Whether such an event follows our place, or a place
// before it, is for changeEpoch to find out.
func upToEpoch(events []Event, epoch int64) []Event {
	for i, event := range events {
		if event.Cursor.Epoch > epoch {
			return events[:i]
		}
	}
	return events
}

// publish is an event's last step: claim who is here, load for them, hand over.
func (f *Feed) publish(ctx context.Context, events []Event) error {
	last := events[len(events)-1].Cursor
	here := f.rooms.Claim(last.Seq, last.String())
	f.claimed = last.Seq
	wanted := make([]Event, 0, len(events))
	for _, event := range events {
		f.doctors = f.doctors || event.Kind == KindDoctor
		if _, ok := here[event.Account]; ok && event.AccountJSON != nil && event.isKnown() {
			wanted = append(wanted, event)
		}
	}
	f.step()
	if len(wanted) > 0 {
		began := time.Now()
		data, err := f.loader.Load(ctx, wanted)
		if err != nil {
			return err // the place has not moved: the batch is claimed and read again
		}
		f.tracer.Loaded(len(wanted), began)
		f.release.wait(ctx)
		for i, event := range wanted {
			f.hand(ctx, event, data[i])
		}
	}
	for range len(events) - len(wanted) {
		f.metrics.Handled("nobody")
	}
	f.log.LogAttrs(ctx, slog.LevelDebug, "events_read", slog.Int64("after", f.at.Seq), slog.Int64("last", last.Seq),
		slog.Int("wanted", len(wanted)))
	f.at.Seq = last.Seq // the event may have been numbered in an older epoch
	f.rooms.Settle(last.Seq, last.String())
	f.tracer.Settled(last.Seq)
	return nil
}

func (f *Feed) hand(ctx context.Context, event Event, data []byte) {
	f.tracer.Publishing(event, f.clock.since(event.ChangedAt))
	members := f.rooms.Publish(event.Account, event.Cursor.String(), event.Cursor.Seq, event.Name, data)
	f.tracer.Published(members)
	delay := f.clock.since(event.ChangedAt)
	f.metrics.Handled("delivered")
	f.metrics.Delay(delay)
	f.log.LogAttrs(ctx, slog.LevelInfo, "event_published", slog.String("id", event.Cursor.String()),
		slog.String("event", event.Name), slog.String("account", event.Account),
		event.subjectAttr(), slog.Int("members", members), slog.Duration("delay", delay))
}
