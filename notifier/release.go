package notifier

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	releaseBatch    = 100                    // effects in one pass, about
	releaseInterval = 500 * time.Millisecond // how often waiting effects are looked at without an event
	releasePatience = 20 * time.Millisecond  // how long an event waits for its doctor's release
	releaseTimeout  = 2 * time.Second        // of one pass, which takes 250 ms at most unless a trigger on doctors hangs
	releaseShort    = 5 * time.Millisecond   // a pass of at most this was not cut short, so it has left nothing that is due
	releaseCareful  = time.Minute            // how long one doctor at a time is tried after a pass that failed
)

// Releaser marks the doctors of finalised appointments not busy. It works beside the feed on a connection of
// its own, because doctors can be locked, or somebody's trigger on them can raise: that must delay the release
// and nothing else.
type Releaser struct {
	pool     *pgxpool.Pool
	metrics  Metrics
	tracer   Tracer
	quiet    *quietLog
	log      *slog.Logger
	requests chan chan struct{}
	since    atomic.Int64 // events after it are still to be considered
	careful  time.Time    // until then, one doctor at a time; Run's own
}

// noEvents is a since that no event comes after.
const noEvents = math.MaxInt64

// NewReleaser makes a releaser; Run does its work.
func NewReleaser(pool *pgxpool.Pool, metrics Metrics, log *slog.Logger) *Releaser {
	r := &Releaser{pool: pool, metrics: metrics, tracer: untraced{}, quiet: newQuietLog(log), log: log, requests: make(chan chan struct{}, 1)}
	r.since.Store(noEvents)
	return r
}

// attempt is a pass that was asked for. The zero value is over.
type attempt struct {
	done  chan struct{}
	until time.Time
}

// Try asks for a pass that considers the doctors of the events after seq at once. What cannot be settled is tried again by
// Run. Where a pass is asked for already, the attempt is over: that pass will consider ours.
func (r *Releaser) Try(seq int64) attempt {
	r.consider(seq)
	a := attempt{make(chan struct{}), time.Now().Add(releasePatience)}
	select {
	case r.requests <- a.done:
		return a
	default:
		return attempt{}
	}
}

// wait returns when the pass is over, 20 ms after it was asked for at the latest.
func (a attempt) wait(ctx context.Context) {
	if a.done == nil {
		return
	}
	patience := time.NewTimer(time.Until(a.until))
	defer patience.Stop()
	select {
	case <-a.done:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// Run works until ctx ends: at every Try, and twice a second for effects that wait. It returns nil.
func (r *Releaser) Run(ctx context.Context) error {
	tick := time.NewTicker(releaseInterval)
	defer tick.Stop()
	for {
		var done chan struct{}
		select {
		case <-ctx.Done():
			return nil
		case done = <-r.requests:
		case <-tick.C:
		}
		if err := r.settle(ctx); err != nil && ctx.Err() == nil {
			r.metrics.Released("failed")
			r.quiet.warn(ctx, "release_failed", sqlState(err), slog.Any("error", conceal(err)))
		} else if err == nil {
			r.quiet.over("release_failed")
		}
		if done != nil {
			close(done)
		}
	}
}

// consider lowers since to seq.
func (r *Releaser) consider(seq int64) {
	for {
		since := r.since.Load()
		if since <= seq || r.since.CompareAndSwap(since, seq) {
			return
		}
	}
}

// settle runs passes while they get anywhere. After one that failed it goes doctor by doctor for a while: what a
// pass has done is undone when one doctor's trigger hangs in it.
func (r *Releaser) settle(ctx context.Context) error {
	for {
		since := r.since.Swap(noEvents) // one pass notes it down for all
		doctors := releaseBatch
		if time.Now().Before(r.careful) {
			doctors = 1
		}
		began := time.Now()
		told, err := r.pass(ctx, doctors, since)
		if err != nil {
			r.consider(since)
			r.careful = time.Now().Add(releaseCareful)
			return err
		}
		if told == 0 || told < doctors && time.Since(began) < releaseShort {
			return nil
		}
	}
}

// effect is what a pass tells of one effect: its outcome, or the problem that is new.
type effect struct {
	seq              int64
	outcome, problem string
}

// pass is one call of notifier.release, and the number of effects that it told of.
func (r *Releaser) pass(ctx context.Context, doctors int, since int64) (told int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, releaseTimeout, errQueryTimeout)
	defer cancel()
	began := time.Now()
	rows, err := r.pool.Query(ctx, releaseSQL, doctors, since)
	if err != nil {
		return 0, fmt.Errorf("release doctors: %w", err)
	}
	effects, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e effect, err error) {
		return e, row.Scan(&e.seq, &e.outcome, &e.problem)
	})
	if err != nil {
		return 0, fmt.Errorf("release doctors: %w", err)
	}
	for _, e := range effects {
		if e.outcome != "" {
			r.metrics.Released(e.outcome)
			r.tracer.Released(e.seq, e.outcome, began)
		}
		r.tell(ctx, e)
	}
	return len(effects), nil
}

func (r *Releaser) tell(ctx context.Context, e effect) {
	seq := slog.Int64("seq", e.seq)
	switch {
	case e.outcome != "":
		r.log.LogAttrs(ctx, slog.LevelDebug, "release_settled", seq, slog.String("outcome", e.outcome))
	case e.problem == "guarded":
		r.log.LogAttrs(ctx, slog.LevelDebug, "release_waits", seq)
	default:
		r.quiet.warn(ctx, "release_postponed", e.problem, seq)
	}
}
