package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/cmd/notifier/chaos/link"
	"notifier/sql/postgres"
)

// What happens between the daemons and the database.
var linkScenarios = []*scenario{
	{
		name: "backends-terminated", about: "every backend of the daemons is terminated every 50 ms for 10 s", short: true,
		fault: func(ctx context.Context, w *world) error {
			return w.every(ctx, 50*time.Millisecond, 10*time.Second, func() error {
				return w.admin(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+runtimeRole+"'")
			})
		},
		resume: time.Second,
	},
	{
		name: "backends-stopped", about: "SIGSTOP for 10 s of every idle backend of the daemons",
		fault: func(ctx context.Context, w *world) error {
			stopped, err := w.stopBackends(ctx)
			w.over()
			err = errors.Join(err, pause(ctx, 10*time.Second))
			for _, pid := range stopped {
				_ = syscall.Kill(pid, syscall.SIGCONT) // it may have ended
			}
			return err
		},
		resume: 3 * time.Second,
	},
	{
		name: "pump-stopped", about: "SIGSTOP for 8 s of a backend that is numbering: nobody else can",
		fault: func(ctx context.Context, w *world) error {
			pid, err := w.stopPump(ctx)
			if err != nil {
				return err
			}
			err = pause(ctx, 8*time.Second)
			w.over()
			return errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
		},
		resume: 3 * time.Second,
	},
	{
		name: "pooler-restarted", about: "PgBouncer ends, and another one begins 2 s later",
		fault: func(ctx context.Context, w *world) error {
			if err := errors.Join(w.pooler.Stop(), pause(ctx, 2*time.Second)); err != nil {
				return err
			}
			return w.openPooler(ctx)
		},
		resume: 3 * time.Second,
	},
	{
		name: "links-swallowed", about: "every connection of the daemons to the database is forgotten on its way; new ones go through", short: true,
		fault: func(_ context.Context, w *world) error {
			w.spoil(func(l *link.Link) { l.Swallow() })
			return nil
		},
		resume: 3 * time.Second,
	},
	{
		name: "links-black-holed", about: "nothing passes between two daemons and the database for 10 s",
		fault: func(ctx context.Context, w *world) error {
			for _, n := range w.nodes[1:] {
				for _, l := range n.links() {
					l.BlackHole()
				}
			}
			err := pause(ctx, 10*time.Second)
			w.over()
			w.spoil(func(l *link.Link) { l.Heal() })
			return err
		},
		resume: 3 * time.Second,
	},
	{
		name: "links-delayed", about: "200 ms later in each direction between daemons and database, for 10 s",
		fault: func(ctx context.Context, w *world) error {
			w.spoil(func(l *link.Link) { l.Delay(200 * time.Millisecond) })
			err := pause(ctx, 10*time.Second)
			w.over()
			w.spoil(func(l *link.Link) { l.Heal() })
			return err
		},
		resume: 3 * time.Second,
	},
	{
		name: "links-reset", about: "every connection of the daemons to the database is reset every 200 ms for 10 s",
		fault: func(ctx context.Context, w *world) error {
			return w.every(ctx, 200*time.Millisecond, 10*time.Second, func() error {
				w.spoil(func(l *link.Link) { l.Cut() })
				return nil
			})
		},
		resume: time.Second,
	},
}

// spoil does something to every link between a daemon and the database.
func (w *world) spoil(do func(*link.Link)) {
	for _, n := range w.nodes {
		for _, l := range n.links() {
			do(l)
		}
	}
}

// every does something again and again for a while.
func (w *world) every(ctx context.Context, interval, long time.Duration, do func() error) error {
	for end := time.Now().Add(long); time.Now().Before(end); {
		if err := do(); err != nil {
			return err
		}
		if err := pause(ctx, interval); err != nil {
			return err
		}
	}
	return nil
}

// stopPump stops a backend while it holds the end of the log.
func (w *world) stopPump(ctx context.Context) (pid int, err error) {
	conn, err := pgx.Connect(ctx, w.primary().URL(postgres.Superuser, database))
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only read from
	for ctx.Err() == nil {
		const pumping = "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE usename = '" + runtimeRole +
			"' AND state = 'active' AND query LIKE '%notifier.pump%'"
		if err := conn.QueryRow(ctx, pumping).Scan(&pid); err != nil {
			return 0, err
		}
		if pid == 0 || syscall.Kill(pid, syscall.SIGSTOP) != nil {
			continue
		}
		var held bool
		err := conn.QueryRow(ctx, "SELECT count(*) = 0 FROM (SELECT FROM notifier.head FOR UPDATE SKIP LOCKED) AS h").Scan(&held)
		if err == nil && held {
			// By another one, perhaps, that goes on: then it is free in a moment.
			err = errors.Join(pause(ctx, 200*time.Millisecond),
				conn.QueryRow(ctx, "SELECT count(*) = 0 FROM (SELECT FROM notifier.head FOR UPDATE SKIP LOCKED) AS h").Scan(&held))
		}
		if err == nil && held {
			return pid, nil
		}
		if err := errors.Join(err, syscall.Kill(pid, syscall.SIGCONT)); err != nil {
			return 0, err
		}
	}
	return 0, context.Cause(ctx)
}

// stopBackends stops the daemons' backends that do nothing at this moment. One that has begun something while it was
// being stopped goes on: what it holds would be held for all, and that is another fault.
func (w *world) stopBackends(ctx context.Context) (pids []int, err error) {
	conn, err := pgx.Connect(ctx, w.primary().URL(postgres.Superuser, database))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only read from
	const idle = "SELECT pid FROM pg_stat_activity WHERE usename = '" + runtimeRole + "' AND state = 'idle'"
	rows, err := conn.Query(ctx, idle)
	if err != nil {
		return nil, err
	}
	candidates, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, err
	}
	for _, pid := range candidates {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			continue // it has ended
		}
		var still bool
		if err := conn.QueryRow(ctx, "SELECT EXISTS ("+idle+" AND pid = $1)", pid).Scan(&still); err != nil {
			return pids, err
		}
		if !still {
			_ = syscall.Kill(pid, syscall.SIGCONT) // it lives: it was stopped a moment ago
			continue
		}
		pids = append(pids, pid)
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("none of %d backends could be stopped while it was idle", len(candidates))
	}
	return pids, nil
}
