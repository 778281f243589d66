package main

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/postgres"
)

// What happens to PostgreSQL.
var serverScenarios = []*scenario{
	{
		name: "server-crashed", about: "immediate restart of PostgreSQL", short: true,
		fault: func(ctx context.Context, w *world) error {
			err := w.server.Restart(ctx, postgres.Immediate)
			w.over()
			return err
		},
		allows: allowance{linkLost: true},
		resume: 3 * time.Second,
	},
	{
		name: "server-restarted", about: "fast restart of PostgreSQL",
		fault: func(ctx context.Context, w *world) error {
			err := w.server.Restart(ctx, postgres.Fast)
			w.over()
			return err
		},
		allows: allowance{linkLost: true},
		resume: 3 * time.Second,
	},
	{
		name: "server-away", about: "PostgreSQL is away for 20 s",
		fault: func(ctx context.Context, w *world) error {
			err := errors.Join(w.server.Halt(ctx, postgres.Fast), pause(ctx, 20*time.Second), w.server.Resume(ctx))
			w.over()
			return err
		},
		allows: allowance{linkLost: true},
		resume: 3 * time.Second,
	},
	{
		name: "switchover", about: "a planned change to the replica: the primary is shut down, the replica has everything", short: true,
		plan: plan{standby: true},
		fault: func(ctx context.Context, w *world) error {
			err := errors.Join(w.server.Halt(ctx, postgres.Fast), w.promote(ctx))
			w.over()
			return err
		},
		allows: allowance{linkLost: true},
		resume: 5 * time.Second,
	},
	{
		name: "tail-lost", about: "the primary dies with commits that the asynchronous replica never had; the replica is promoted", short: true,
		plan: plan{standby: true},
		fault: func(ctx context.Context, w *world) error {
			if err := errors.Join(w.standby.Detach(ctx), pause(ctx, 500*time.Millisecond)); err != nil {
				return err
			}
			err := errors.Join(w.server.Halt(ctx, postgres.Immediate), w.promote(ctx))
			w.over()
			return err
		},
		allows: allowance{linkLost: true, linksCut: true, refetch: true, lostTail: true, lostCommits: true},
		resume: 5 * time.Second,
	},
	{
		name: "commits-slow", about: "every flush of the log takes 20 ms longer (fsync on, commit_delay)",
		plan:  plan{settings: []string{"fsync = on", "commit_delay = 20000", "commit_siblings = 0"}},
		fault: func(context.Context, *world) error { return nil },
	},
	{
		name: "commits-async", about: "synchronous_commit is off, and a crash loses what was not flushed in the last half second", short: true,
		plan:   plan{settings: []string{"synchronous_commit = off", "wal_writer_delay = 10000", "wal_buffers = 64MB"}},
		fault:  func(ctx context.Context, w *world) error { return w.crashUnflushed(ctx) },
		allows: allowance{linkLost: true, lostCommits: true},
		resume: 3 * time.Second,
	},
	{
		name: "commits-remote", about: "every commit waits until a replica that is 150 ms late has applied it",
		plan: plan{
			standby: true, replica: []string{"recovery_min_apply_delay = 150"}, patience: 500 * time.Millisecond, writers: 24,
			before: func(ctx context.Context, w *world) error {
				const await = "ALTER SYSTEM SET synchronous_commit = 'remote_apply'; ALTER SYSTEM SET synchronous_standby_names = '*'"
				for statement := range strings.SplitSeq(await+"; SELECT pg_reload_conf()", "; ") {
					if err := w.admin(ctx, statement); err != nil {
						return err
					}
				}
				return nil
			},
		},
		fault: func(context.Context, *world) error { return nil },
	},
	{
		name: "elsewhere-open", about: "a transaction of another database stays open the whole time",
		fault: func(ctx context.Context, w *world) error { return w.sit(ctx, "postgres") },
	},
	{
		name: "snapshot-open", about: "a snapshot of the clinic's own database stays open the whole time, as a backup's does",
		fault: func(ctx context.Context, w *world) error { return w.sit(ctx, database) },
	},
	{
		name: "repeatable-read", about: "REPEATABLE READ as the default of the database, the role and the server",
		plan: plan{
			settings: []string{"default_transaction_isolation = 'repeatable read'"},
			sql: `ALTER DATABASE clinic SET default_transaction_isolation = 'repeatable read';
				ALTER ROLE notifier_runtime SET default_transaction_isolation = 'repeatable read';`,
		},
		fault:  func(context.Context, *world) error { return nil },
		allows: allowance{clinic: []string{serializationFailure}}, // the clinic's writers meet one another
	},
	{
		name: "staging-full", about: "100,000 changes wait in staging when the daemons start",
		plan:  plan{before: fillStaging},
		fault: func(context.Context, *world) error { return nil },
	},
	{
		name: "retention-cuts", about: "the retention removes everything older than a second while screens come back, some of them too late",
		plan: plan{sql: archiveSQL},
		fault: func(ctx context.Context, w *world) error {
			prune := func() error { return w.admin(ctx, "SELECT notifier.prune('1 second', 1000)") }
			cut := 0
			err := w.every(ctx, 20*time.Millisecond, 7*time.Second, func() error {
				if cut++; cut%10 == 0 {
					w.doorsCutOne()
				}
				return prune()
			})
			w.doorsShut(true)
			err = errors.Join(err, w.every(ctx, 20*time.Millisecond, 3*time.Second, prune))
			w.over()
			w.doorsShut(false)
			return err
		},
		allows: allowance{linksCut: true, refetch: true},
	},
}

// sit keeps a transaction with an id and a snapshot open while the clinic makes most of its changes.
func (w *world) sit(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, w.server.URL(postgres.Superuser, database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // there is nothing to save
	if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id()"); err != nil {
		return err
	}
	return w.clinic.reach(ctx, w.changes*9/10)
}

// crashUnflushed crashes the server while what was committed has not been written: its WAL writer has been stopped.
func (w *world) crashUnflushed(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, w.server.URL(postgres.Superuser, database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the server is gone
	var writer int
	if err := conn.QueryRow(ctx, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'").Scan(&writer); err != nil {
		return err
	}
	if err := syscall.Kill(writer, syscall.SIGSTOP); err != nil {
		return err
	}
	err = pause(ctx, 500*time.Millisecond)
	// It has to go on to be ended; by then it is told to quit, and writes no more.
	goOn := time.AfterFunc(100*time.Millisecond, func() { _ = syscall.Kill(writer, syscall.SIGCONT) })
	defer goOn.Stop()
	err = errors.Join(err, w.server.Restart(ctx, postgres.Immediate))
	w.over()
	return err
}

// serializationFailure is what REPEATABLE READ answers to two writers of one row.
const serializationFailure = "40001"

// archiveSQL keeps for the oracle what the retention removes.
const archiveSQL = `
	DROP VIEW chaos.log, chaos.released;
	CREATE TABLE chaos.log (seq bigint PRIMARY KEY, epoch bigint, appointment_id integer, account_id integer, status text,
	                        changed_at timestamptz, numbered_at timestamptz);
	CREATE TABLE chaos.released (seq bigint PRIMARY KEY, doctor_id integer);
	CREATE FUNCTION chaos.keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	BEGIN
		INSERT INTO chaos.log VALUES (NEW.seq, NEW.epoch, NEW.appointment_id, NEW.account_id, NEW.status, NEW.changed_at, NEW.numbered_at);
		RETURN NULL;
	END $$;
	CREATE TRIGGER chaos_keep AFTER INSERT ON notifier.event FOR EACH ROW EXECUTE FUNCTION chaos.keep();
	CREATE FUNCTION chaos.keep_release() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	BEGIN
		INSERT INTO chaos.released VALUES (NEW.seq, NEW.doctor_id);
		RETURN NULL;
	END $$;
	CREATE TRIGGER chaos_keep_release AFTER UPDATE ON notifier.effect
		FOR EACH ROW WHEN (OLD.outcome IS NULL AND NEW.outcome = 'released') EXECUTE FUNCTION chaos.keep_release();`

// fillStaging changes every appointment to and fro while nobody numbers.
func fillStaging(ctx context.Context, w *world) error {
	conn, err := pgx.Connect(ctx, w.server.URL(app, database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // every statement has committed
	ids := make([]int32, appointments)
	for i := range ids {
		ids[i] = int32(i + 1)
	}
	for i := range 100_000 / appointments {
		if _, err := change(ctx, conn, ids, []string{"FINALIZADO", "CANCELADO"}[i%2]); err != nil {
			return err
		}
	}
	return nil
}
