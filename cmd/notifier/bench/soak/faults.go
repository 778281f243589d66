package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/cmd/notifier/bench/rig"
	"notifier/sql/postgres"
)

// fault is something that goes wrong, and is over when make returns.
type fault struct {
	name string // for the picture
	make func(ctx context.Context, s *site) error
}

// The sizes of faults.
const (
	burst = 1000            // appointments of one transaction
	still = 5 * time.Second // how long something stands still
	gone  = time.Second     // how long a killed daemon is away
)

// faults happen in turn. Crashes and restarts are of the kinds that `make chaos` plays one by one; here they meet a crowd, and whatever the ones before them
// have left behind.
var faults = []fault{
	{"a daemon is killed, and back after 1 s", func(ctx context.Context, s *site) error {
		return s.mortal().replace(ctx, syscall.SIGKILL, gone)
	}},
	{"PostgreSQL restarts", func(ctx context.Context, s *site) error { return s.server.Restart(ctx, postgres.Fast) }},
	{"all sockets of a daemon are cut", func(_ context.Context, s *site) error {
		s.crowd.Cut(0)
		return nil
	}},
	{"a daemon stands still for 5 s", func(ctx context.Context, s *site) error {
		if err := s.steady().current().Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		return errors.Join(pause(ctx, still), s.steady().current().Signal(syscall.SIGCONT))
	}},
	{"the daemons' connections to PostgreSQL are terminated", func(ctx context.Context, s *site) error {
		return rig.Execute(ctx, s.server.URL(postgres.Superuser, database),
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+rig.Runtime+"'")
	}},
	{"1,000 appointments in one transaction", func(ctx context.Context, s *site) error { return s.crowd.Together(ctx, burst, 0) }},
	{"a daemon is restarted", func(ctx context.Context, s *site) error {
		return s.mortal().replace(ctx, syscall.SIGTERM, 0)
	}},
	{"PostgreSQL crashes and recovers", func(ctx context.Context, s *site) error { return s.server.Restart(ctx, postgres.Immediate) }},
	{"a DBA locks doctors and patients for 5 s", func(ctx context.Context, s *site) error { return s.lock(ctx) }},
	{"a transaction stays open for 5 s after its UPDATE", func(ctx context.Context, s *site) error { return s.crowd.Together(ctx, 1, still) }},
}

// lock keeps everybody from what the release writes and what the data of events is read from.
func (s *site) lock(ctx context.Context) (err error) {
	conn, err := pgx.Connect(ctx, s.server.URL(rig.Owner, database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if _, err := conn.Exec(ctx, "BEGIN; LOCK TABLE doctors, patients IN ACCESS EXCLUSIVE MODE"); err != nil {
		return fmt.Errorf("lock tables: %w", err)
	}
	return pause(ctx, still)
}

// mark is a fault that has happened.
type mark struct {
	At    float64 `json:"at"`    // seconds since the beginning
	Took  float64 `json:"took"`  // seconds
	Fault int     `json:"fault"` // of faults
}

// happen has one fault after the other happen, until the time is up. The one that is under way then is brought to its end.
func (s *site) happen(ctx context.Context, up <-chan struct{}, every time.Duration, happened func(n int, began time.Time)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n = (n + 1) % len(faults) {
		select {
		case <-tick.C:
		case <-up:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		began := time.Now()
		if err := faults[n].make(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", faults[n].name, err)
		}
		happened(n, began)
	}
}

// pause waits, and says why it did not wait to the end.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
