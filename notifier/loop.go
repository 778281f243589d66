package notifier

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// eagerPoll is the pause before the next look when rows were found by looking, or a writer is at work whose commit will
	// ring no bell, because another one that is in flight carries it; it doubles up to the poll interval.
	eagerPoll = 5 * time.Millisecond
	// feedBackoffMax bounds the pause after errors. For suspendAfter new clients notice nothing of them: a
	// killed backend is replaced within it.
	feedBackoffMax = 200 * time.Millisecond
	suspendAfter   = time.Second

	// Where a round has numbered crowdFrom events or more, the next comes after as many milliseconds, crowdPause at most, and
	// silences the bells for crowdSilence: what comes meanwhile is numbered, loaded and sent together, which costs each event
	// a fraction. The silence outlasts the pause, so that whoever comes late does not ring; it ends by itself where the daemon does.
	crowdFrom    = 3
	crowdPause   = 25 * time.Millisecond
	crowdSilence = 100 * time.Millisecond
)

var errNotStarted = errors.New("the log was not read yet")

// Run publishes until ctx ends, and goes on after every error of the database. It returns nil.
func (f *Feed) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { f.announcer.run(ctx) })
	quiet := newQuietLog(f.log)
	pause, backoff := f.poll, time.Duration(0)
	var failing time.Time
	for {
		started := time.Now()
		f.steps.Add(1)
		next, err := f.round(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			f.recovered(ctx, quiet, failing)
			failing, backoff = time.Time{}, 0
			pause = f.nextPause(pause, next)
		default:
			quiet.warn(ctx, "feed_failed", sqlState(err), slog.Any("error", conceal(err)))
			if failing.IsZero() {
				failing = started
			}
			f.failed(ctx, err, failing)
			backoff = min(feedBackoffMax, max(2*backoff, 20*time.Millisecond))
			pause = backoff/2 + rand.N(backoff/2) //nolint:gosec // jitter, not a secret
		}
		f.steps.Add(1)
		f.sleep(ctx, pause, err == nil)
	}
}

// step says that the work goes on. What comes between two steps has its time limits: two minutes, when a view is asked
// in vain maxLoadFaults times.
func (f *Feed) step() { f.steps.Add(2) }

// Work tells which step of its work the feed is at, and false while it rests. A step that does not end although every
// statement has its time limit is one that never will. It may be called from anywhere.
func (f *Feed) Work() (step int64, working bool) {
	step = f.steps.Load()
	return step, step%2 == 1
}

// nextPause is short when something did not ring, and then doubles while nothing happens. In a crowd it lets some gather.
func (f *Feed) nextPause(last time.Duration, next prospect) time.Duration {
	if f.came >= crowdFrom {
		return min(time.Duration(f.came)*time.Millisecond, crowdPause, f.poll)
	}
	switch {
	case next == soon, next == usual && time.Now().Before(f.silent):
		return min(f.eager, f.poll)
	case next == usual:
		return f.poll
	}
	return min(2*last, f.poll)
}

// sleep waits for the pause or, when the database works, for a wake-up.
func (f *Feed) sleep(ctx context.Context, pause time.Duration, wakeable bool) {
	wake := f.wake
	if !wakeable {
		wake = nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-wake:
			if f.hasNews() {
				return
			}
		}
	}
}

// hasNews tells whether a wake-up was for something that the loop has not done yet: what our own pump announced
// comes back to us too.
func (f *Feed) hasNews() bool {
	announced := f.announced.Swap(0)
	return announced > f.at.Seq || f.rung.Load()
}

func (f *Feed) failed(ctx context.Context, err error, since time.Time) {
	f.setHealth(newFeedError(err))
	if f.opened && time.Since(since) > suspendAfter {
		f.rooms.Suspend()
		f.opened = false
	}
	switch {
	case IsNotMigrated(err): // the other connections may belong to a role that was dropped
		f.pool.Reset()
	case !isStatementFault(err) && !isPooled(ctx, f.pool): // they have most likely died with this one
		f.pool.Reset()
	}
}

func (f *Feed) recovered(ctx context.Context, quiet *quietLog, failing time.Time) {
	f.setHealth(nil)
	if !failing.IsZero() && quiet.over("feed_failed") {
		f.log.LogAttrs(ctx, slog.LevelInfo, "feed_recovered", slog.Duration("away", time.Since(failing)))
	}
}

// Wake makes the loop number and read now. It never blocks.
func (f *Feed) Wake() {
	f.rung.Store(true)
	f.nudge()
}

// Announce makes the loop read if seq is news to it. It never blocks.
func (f *Feed) Announce(seq int64) {
	for known := f.announced.Load(); seq > known && !f.announced.CompareAndSwap(known, seq); {
		known = f.announced.Load()
	}
	f.nudge()
}

func (f *Feed) nudge() {
	select {
	case f.wake <- struct{}{}:
	default: // the loop is woken already
	}
}

// Err is nil while the feed works, otherwise what keeps it from working, with a Code() string: NotMigrated,
// DatabaseAway or LogFailing.
func (f *Feed) Err() error { return *f.health.Load() }

func (f *Feed) setHealth(err error) { f.health.Store(&err) }
