package sql_test

import (
	"context"
	"testing"

	"notifier/sql/pgtest"
)

// epochs are those of the log, without their first: where each began.
func epochs(db *pgtest.DB) []int {
	return pgtest.Get[[]int](db, `SELECT coalesce(array_agg(after_seq ORDER BY epoch), '{}') FROM notifier.epoch
		WHERE epoch > (SELECT min(epoch) FROM notifier.epoch)`)
}

// Each of these can put an older log under the same numbers, and opens one epoch at its end.
func TestWhateverMayHaveBroughtBackAnOlderLogOpensAnEpoch(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ name, do string }{
		{"a promoted replica, by its timeline", `UPDATE notifier.head SET server = regexp_replace(server, '/0000000\d/', '/00000009/')`},
		{"another cluster, by its system identifier", `UPDATE notifier.head SET server = regexp_replace(server, '^\d+', '7')`},
		// A snapshot of the disk, or a base backup that recovers as after a crash, goes on in the same timeline.
		{"a snapshot of the disk, by the start of the server", `UPDATE notifier.head SET server = regexp_replace(server, '[^/]+$', '1763815000.123456')`},
		{"a dump restored in place, by the file", `CREATE TABLE kept AS TABLE notifier.head; TRUNCATE notifier.head;
			INSERT INTO notifier.head TABLE kept; DROP TABLE kept`},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			c.finish(1)
			c.finish(1)
			c.pump()
			equal(t, "epochs before", epochs(c.DB), nil)
			c.Exec(pgtest.Superuser, x.do)
			for range 2 {
				c.finish(1)
				c.pump()
			}
			equal(t, "epochs began after", epochs(c.DB), []int{2})
			if !pgtest.Get[bool](c.DB, `SELECT count(DISTINCT epoch) = 2 AND max(epoch) = (SELECT epoch FROM notifier.head) FROM notifier.event`) {
				t.Error("the events after it are not of the new epoch")
			}
		})
	}
}

// Two replicas of one primary that are promoted by mistake, or two copies of one backup, in the same second.
func TestTwoCopiesAtOnceOpenDifferentEpochs(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.finish(1)
	c.pump()
	c.finish(1)
	_ = c.app.Close(context.Background())
	_ = c.runtime.Close(context.Background())
	const pump = `SELECT * FROM notifier.pump(10)`
	one, two := c.Copy(), c.Copy()
	one.Exec(pgtest.Runtime, pump)
	two.Exec(pgtest.Runtime, pump)
	const last = `SELECT epoch FROM notifier.event WHERE seq = 2`
	if a, b := pgtest.Get[int64](one, last), pgtest.Get[int64](two, last); a == b {
		t.Errorf("both have an event %d-2", a)
	}
}

func TestAServerThatRefusesToSayWhoItIsIsStillPumped(t *testing.T) {
	t.Parallel()
	for _, refused := range []string{`pg_control_system()`, `pg_walfile_name(pg_lsn)`, `pg_current_wal_lsn()`} {
		t.Run(refused, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			c.Exec(pgtest.Superuser, `REVOKE EXECUTE ON FUNCTION `+refused+` FROM PUBLIC`)
			for range 3 {
				c.finish(1)
				if got := c.pump(); got != 1 {
					t.Errorf("numbered %d, want 1", got)
				}
			}
			equal(t, "epochs began after", epochs(c.DB), nil)
			c.Exec(pgtest.Superuser, `UPDATE notifier.head SET server = regexp_replace(server, '[^/]+$', '1763815000.123456')`)
			c.finish(1)
			c.pump()
			equal(t, "epochs after a restart began after", epochs(c.DB), []int{3})
		})
	}
}

// With synchronous_commit = off, a crash of a backend takes the last commits back while the server's start stays.
func TestWhatIsNumberedIsOnDiskEvenWhereCommitsAreNot(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	for _, x := range []struct{ setting, finish, want string }{
		{"off", "yes", "local"},
		{"off", "no", "off"}, // nothing was numbered: nothing to wait for
		{"on", "yes", "on"},
		{"remote_apply", "yes", "remote_apply"},
	} {
		if x.finish == "yes" {
			c.finish(1)
		}
		execute(t, c.runtime, `BEGIN`)
		execute(t, c.runtime, `SET LOCAL synchronous_commit = `+x.setting)
		c.pump()
		if got := value[string](t, c.runtime, `SHOW synchronous_commit`); got != x.want {
			t.Errorf("with %s, numbering something: %s; commits with %s, want %s", x.setting, x.finish, got, x.want)
		}
		execute(t, c.runtime, `COMMIT`)
	}
}
