package notifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	watchInterval = 2 * time.Second
	// watchTimeout bounds a look, which takes a millisecond, and watchLockTimeout its waiting for somebody's lock on
	// one of the log's tables: that is something to tell, and no reason to lose the connection.
	watchTimeout     = 5 * time.Second
	watchLockTimeout = "200ms"

	behindAfter       = 5 * time.Second  // rows that wait for so long are not worked off
	failingAfter      = 10 * time.Second // tries of a release come at most 5 s apart
	overdueAfter      = 5 * time.Second  // a release that is due is tried within half a second, unless nobody can
	listenerDownAfter = 15 * time.Second // a restart of the server takes less
)

var errWatchTimeout = errors.New("database did not answer a look in time")

// Ears are what the watch asks of the listener.
type Ears interface {
	// Err is nil while the bells are heard, and ErrDeaf when they cannot be.
	Err() error
	// DownSince is when they were heard last; zero while they are.
	DownSince() time.Time
}

// Watch looks after what nobody would notice until a screen is late: a pump that somebody keeps from numbering,
// releases that cannot be applied, bells that are not heard. Each trouble is told in the metrics, by Troubles, and in
// one log line when it begins and one when it is over. It changes nothing but the bell's lease.
//
// While the database is away it knows nothing and says nothing: that is the feed's to report.
type Watch struct {
	pool    *pgxpool.Pool
	feed    interface{ Err() error }
	ears    Ears
	metrics Metrics
	log     *slog.Logger
	quiet   *quietLog
	every   time.Duration
	overdue time.Duration
	downFor time.Duration // how long the listener may be

	told atomic.Pointer[[]Trouble]

	// Run's own.
	pumping  pumping
	stall    stall
	answered time.Time // since when the database is there
	blind    time.Time // since when they do not
	current  [subjects]Trouble
}

// What is judged. Each has at most one trouble at a time.
const (
	ofPump = iota
	ofReleases
	ofListener
	ofQueue
	subjects
)

// NewWatch looks with the runtime role's pool; feed tells whether the log is worked on at all.
func NewWatch(pool *pgxpool.Pool, feed interface{ Err() error }, ears Ears, metrics Metrics, log *slog.Logger) *Watch {
	w := &Watch{
		pool: pool, feed: feed, ears: ears, metrics: metrics, log: log, quiet: newQuietLog(log),
		every: watchInterval, overdue: overdueAfter, downFor: listenerDownAfter,
		pumping: pumping{patience: behindAfter}, stall: stall{patience: failingAfter},
	}
	w.told.Store(&[]Trouble{})
	return w
}

// Troubles are what is wrong now, as far as the last look could tell. It may be called from anywhere.
func (w *Watch) Troubles() []Trouble { return *w.told.Load() }

// Run looks every two seconds until ctx ends. It returns nil.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		err := w.lend(ctx)
		if sqlState(err) != "" && ctx.Err() == nil { // else the database is away, which is the feed's to tell
			w.quiet.warn(ctx, "bell_not_lent", sqlState(err), slog.Any("error", conceal(err)))
		}
		l, err := w.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		w.judge(ctx, time.Now(), l, err)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look asks in a transaction for the sake of the lock timeout, which is to hold for the statement's preparation, too.
func (w *Watch) look(ctx context.Context) (l look, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, watchTimeout, errWatchTimeout)
	defer cancel()
	var oldest float64
	err = w.ask(ctx, watchSQL, []any{w.overdue.Seconds()}, &l.seq, &l.epoch, &l.staged, &oldest,
		&l.waiting, &l.failing, &l.firstFailing, &l.firstProblem, &l.queue)
	if err != nil {
		return look{}, fmt.Errorf("look after the log: %w", err)
	}
	l.oldest = max(0, time.Duration(oldest*float64(time.Second)))
	return l, nil
}

func (w *Watch) ask(ctx context.Context, query string, args []any, into ...any) error {
	return pgx.BeginTxFunc(ctx, w.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+watchLockTimeout+"'"); err != nil {
			return err
		}
		return tx.QueryRow(ctx, query, args...).Scan(into...)
	})
}

// judge takes what a look has seen, or why it has not, and tells what has changed by it.
func (w *Watch) judge(ctx context.Context, now time.Time, l look, err error) {
	locked := sqlState(err) == "55P03" // lock_not_available
	if err != nil && !locked {
		w.unseen(ctx, now, err)
		return
	}
	w.blind = time.Time{}
	if w.answered.IsZero() {
		w.answered = now
	}
	judged := [subjects]string{ofReleases: w.stall.verdict, ofQueue: w.current[ofQueue].Code, ofListener: w.hearing(now)}
	if locked {
		w.metrics.Unseen()
		w.pumping.keptOut(now)
	} else {
		w.metrics.Staged(l.staged, l.oldest)
		w.metrics.Effects(l.waiting, l.failing)
		w.metrics.NotifyQueue(l.queue)
		w.pumpingSeen(now, l)
		w.stall.see(now, l)
		judged[ofReleases] = w.stall.verdict
		judged[ofQueue] = queueVerdict(judged[ofQueue], l.queue)
	}
	judged[ofPump] = w.pumping.verdict
	w.turn(ctx, now, l, judged)
}

// pumpingSeen leaves the pump alone while the feed itself can say why it does not work. All that it can say of a lock on a
// table is that time has run out.
func (w *Watch) pumpingSeen(now time.Time, l look) {
	if err := w.feed.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		w.pumping.forget()
		return
	}
	w.pumping.see(now, l)
}

// hearing is "", ListenerDown or ListenerDeaf. The listener is given its time again after the database was away.
func (w *Watch) hearing(now time.Time) string {
	err := w.ears.Err()
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrDeaf):
		return ListenerDeaf
	}
	since := w.ears.DownSince()
	if since.Before(w.answered) {
		since = w.answered
	}
	if now.Sub(since) < w.downFor {
		return ""
	}
	return ListenerDown
}

// unseen is a look that failed. While the database is away, what was wrong is neither shown nor forgotten.
func (w *Watch) unseen(ctx context.Context, now time.Time, err error) {
	w.metrics.Unseen()
	w.pumping.forget()
	w.stall.forget()
	if w.blind.IsZero() {
		w.blind = now
	}
	if w.feed.Err() != nil {
		w.told.Store(&[]Trouble{})
		w.answered = time.Time{}
	} else if now.Sub(w.blind) >= 3*w.pumping.patience { // it is us, not the database
		w.quiet.warn(ctx, "watch_failed", sqlState(err), slog.Any("error", conceal(err)))
	}
}

// turn shows what is wrong now, and logs what begins and what is over.
func (w *Watch) turn(ctx context.Context, now time.Time, l look, judged [subjects]string) {
	before, told := w.current, []Trouble{}
	for subject, code := range judged {
		if code != before[subject].Code {
			w.current[subject] = Trouble{code, now}
		}
		if code != "" {
			told = append(told, w.current[subject])
		}
	}
	w.told.Store(&told)
	for subject, code := range judged {
		if last := before[subject]; code != last.Code {
			w.tellEnd(ctx, last.Code, now.Sub(last.Since))
			w.tellBeginning(ctx, code, l)
		}
	}
}
