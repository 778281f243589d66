package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"notifier/sql/postgres"
)

// What PostgreSQL's own NOTIFY queue does when somebody does not let it be cleaned up.
var queueScenarios = []*scenario{{
	name: "notify-queue-full", about: "a session that listens sits in a transaction, and the NOTIFY queue fills: no bell, and no failure",
	plan:   plan{rate: 200},
	fault:  fillQueue,
	resume: time.Second,
}}

const (
	// fillLimit is how long the queue is filled: 8 GB take half a minute where nothing else runs. Half of it, beyond
	// which no bell is rung, is waited for in any case.
	fillLimit   = 45 * time.Second
	queueSilent = 0.5
)

// fillQueue fills the queue, sees that it is silent and that the clinic goes on, and lets it be emptied.
func fillQueue(ctx context.Context, w *world) error {
	// In another database, and all the same in everybody's way: the queue is the cluster's.
	url := w.server.URL(postgres.Superuser, "postgres")
	sitting, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer sitting.Close(ctx) //nolint:errcheck // its transaction has nothing to save
	if _, err := sitting.Exec(ctx, "LISTEN stuffing"); err != nil {
		return err
	}
	if _, err := sitting.Exec(ctx, "BEGIN; SELECT 1"); err != nil {
		return err
	}
	stuffing, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer stuffing.Close(ctx) //nolint:errcheck // every statement has committed
	began := time.Now()
	usage, err := stuff(ctx, stuffing)
	if err != nil {
		return fmt.Errorf("fill the queue: %w", err)
	}
	w.note("the NOTIFY queue was filled to %.1f %% in %.0f s", 100*usage, time.Since(began).Seconds())
	if err := w.silent(ctx); err != nil {
		return err
	}
	w.over()
	released := time.Now()
	if err := sitting.Close(ctx); err != nil {
		return err
	}
	still, err := w.stillness(func() error { return w.ringing(ctx, stuffing) })
	if err != nil {
		return err
	}
	w.note("bells rang again %.1f s after the session that was in the way had ended; meanwhile the clinic stood still for up to %.1f s",
		time.Since(released).Seconds(), still.Seconds())
	return nil
}

// stillness is the longest time in which the clinic changed nothing while something was done.
func (w *world) stillness(do func() error) (longest time.Duration, err error) {
	done := make(chan error, 1)
	go func() { done <- do() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	changes, since := w.clinic.changes.Load(), time.Now()
	for {
		select {
		case err := <-done:
			return max(longest, time.Since(since)), err
		case now := <-tick.C:
			longest = max(longest, now.Sub(since))
			if n := w.clinic.changes.Load(); n != changes {
				changes, since = n, now
			}
		}
	}
}

// stuff notifies until the queue is full, or the time is over and it is full enough to be silent; and says how full.
func stuff(ctx context.Context, conn *pgx.Conn) (usage float64, err error) {
	// More than half a page each, of which none other fits beside it: the rest is filled for us.
	const notify = "SELECT count(pg_notify('stuffing', repeat('x', 4100) || n)) FROM generate_series(1, $1::integer) AS n"
	began := time.Now()
	for batch := 200; ; { // few, for whose commit rings waits for this one
		_, err := conn.Exec(ctx, notify, batch)
		var pgErr *pgconn.PgError
		switch {
		case errors.As(err, &pgErr) && pgErr.Code == tooManyNotifications && batch > 1:
			batch /= 2
		case err != nil && (pgErr == nil || pgErr.Code != tooManyNotifications):
			return usage, err
		}
		full := err != nil && batch == 1
		if err := conn.QueryRow(ctx, "SELECT pg_notification_queue_usage()").Scan(&usage); err != nil {
			return usage, err
		}
		if full || usage > queueSilent && time.Since(began) > fillLimit {
			return usage, nil
		}
	}
}

// tooManyNotifications is program_limit_exceeded: what a commit with a NOTIFY is answered when the queue is full.
const tooManyNotifications = "54000"

// bells is how many notifications the daemons have heard.
func (w *world) bells(ctx context.Context) (sum float64, err error) {
	for _, n := range w.nodes {
		heard, err := n.metric(ctx, "notifier_bells_total")
		if err != nil {
			return 0, err
		}
		sum += heard
	}
	return sum, nil
}

// silent waits until no daemon hears a bell while the clinic makes 200 changes; at first, what was rung in time is heard.
func (w *world) silent(ctx context.Context) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		before, err := w.bells(ctx)
		if err != nil {
			return err
		}
		if err := w.clinic.reach(ctx, int(w.clinic.changes.Load())+200); err != nil {
			return err
		}
		switch after, err := w.bells(ctx); {
		case err != nil:
			return err
		case after == before:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("the bells ring on: %.0f, with a queue that is more than half full", after-before)
		}
	}
}

// ringing waits until the queue is empty and the daemons hear bells again.
func (w *world) ringing(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("it did not happen in 30 s"))
	defer cancel()
	before, err := w.bells(ctx)
	if err != nil {
		return err
	}
	for {
		var usage float64
		if err := conn.QueryRow(ctx, "SELECT pg_notification_queue_usage()").Scan(&usage); err != nil {
			return fmt.Errorf("wait for an empty queue: %w", errors.Join(err, context.Cause(ctx)))
		}
		after, err := w.bells(ctx)
		if err != nil {
			return err
		}
		if usage < 0.01 && after > before {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("wait for bells, of which there were %.0f, with a queue that is %.0f %% full: %w", after-before, 100*usage, err)
		}
	}
}
