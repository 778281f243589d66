package sql_test

import (
	"fmt"
	"testing"

	"notifier/sql"
	"notifier/sql/pgtest"
)

func TestTheBellCarriesTheDocumentedPayload(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	bells := listening(t, c.DB)
	id := c.finish(2)
	equal(t, "bells", bells(), []string{fmt.Sprintf(`{"v":1,"appointmentId":%d,"accountId":1,"doctorId":2,"action":"FINALIZADO"}`, id)})
	id = c.book(2, checkin)
	c.change(id, cancelado)
	equal(t, "bells", bells(), []string{fmt.Sprintf(`{"v":1,"appointmentId":%d,"accountId":1,"doctorId":2,"action":"CANCELADO"}`, id)})
}

func TestATransactionRingsOnceAndForWhatItCommits(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	one, two, three := c.book(1, checkin), c.book(1, checkin), c.book(1, checkin)
	bells := listening(t, c.DB)
	execute(t, c.app, `BEGIN`)
	execute(t, c.app, `SAVEPOINT s`)
	c.change(one, finalizado) // its bell, and that it has rung, go with the savepoint
	execute(t, c.app, `ROLLBACK TO s`)
	c.change(two, finalizado)
	c.change(three, cancelado)
	execute(t, c.app, `COMMIT`)
	equal(t, "bells", bells(), []string{fmt.Sprintf(`{"v":1,"appointmentId":%d,"accountId":1,"doctorId":1,"action":"FINALIZADO"}`, two)})

	execute(t, c.app, `BEGIN`)
	c.change(one, finalizado)
	execute(t, c.app, `ROLLBACK`)
	equal(t, "bells of a transaction that is rolled back", bells(), nil)
	c.change(one, cancelado) // on the same connection: the flag ended with its transaction
	if got := bells(); len(got) != 1 {
		t.Errorf("the next transaction rang %d times, want once", len(got))
	}
}

func TestATransactionThatStaysOpenSilencesTheOthersOnlyForAMoment(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, checkin)
	open := c.Connect(pgtest.App)
	execute(t, open, `BEGIN`)
	execute(t, open, `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, id) // it carries a bell now
	bells := listening(t, c.DB)
	eventually(t, "a bell beside the open transaction", func() bool {
		c.finish(2)
		return len(bells()) > 0
	})
	execute(t, open, `COMMIT`)
	if got := bells(); len(got) != 1 {
		t.Errorf("the open transaction rang %d times at its end, want once", len(got))
	}
}

func TestOfManyWritersInFlightAtLeastOneRingsAndNoneWaits(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	const writers = 20
	bells := listening(t, c.DB)
	var open []func()
	var ids []int
	for range writers { // all of them are in flight together
		ids = append(ids, c.book(1, checkin))
		conn := c.Connect(pgtest.App)
		execute(t, conn, `SET lock_timeout = '1ms'`)
		execute(t, conn, `BEGIN`)
		open = append(open, func() { execute(t, conn, `COMMIT`) })
		execute(t, conn, `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, ids[len(ids)-1])
	}
	for _, commit := range open {
		commit()
	}
	equal(t, "staged", c.staged(), ids)
	if got := len(bells()); got < 1 {
		t.Errorf("%d bells of %d writers, want at least one", got, writers)
	}
}

func TestABellThatIsOffNeverRingsAndLetsTwoPhaseCommitThrough(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	off := false
	m, _ := migrator(t, c.DB, sql.Config{Bell: &off})
	bells := listening(t, c.DB)
	id := c.book(1, checkin)
	execute(t, c.app, `BEGIN`)
	c.change(id, finalizado)
	_, err := c.app.Exec(t.Context(), `PREPARE TRANSACTION 'with the bell on'`)
	wantState(t, err, "0A000")

	up(t, m) // switches it off; it needs no new transaction of the writer's session
	execute(t, c.app, `BEGIN`)
	c.change(id, finalizado)
	execute(t, c.app, `PREPARE TRANSACTION 'bell off'`)
	if got := c.pump(); got != 0 {
		t.Errorf("numbered %d changes of a transaction that is only prepared", got)
	}
	execute(t, c.app, `COMMIT PREPARED 'bell off'`)
	if got := c.pump(); got != 1 {
		t.Errorf("numbered %d, want the prepared change", got)
	}
	equal(t, "bells", bells(), nil)
}

// A queue of 8 GB cannot be filled in a test (bellbench does it), so the database is told that it is as full as we
// like: the function that tells it gets a double of its name.
func TestAQueueThatIsHalfFullSilencesTheBellAndFailsNoTransaction(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		usage string
		rings bool
	}{
		{"0.49", true}, {"0.5", false}, {"1", false},
	} {
		t.Run(c.usage, func(t *testing.T) {
			clinic := newClinic(t)
			clinic.Exec(pgtest.Superuser, `ALTER FUNCTION pg_catalog.pg_notification_queue_usage() RENAME TO true_usage;
				CREATE FUNCTION pg_catalog.pg_notification_queue_usage() RETURNS double precision LANGUAGE sql AS 'SELECT `+c.usage+`'`)
			clinic.Exec(pgtest.Runtime, `SELECT notifier.lend_bell('1 hour')`)
			bells := listening(t, clinic.DB)
			id := clinic.finish(1)
			equal(t, "staged", clinic.staged(), []int{id})
			if got := clinic.pump(); got != 1 {
				t.Errorf("numbered %d, want 1", got)
			}
			if got := len(bells()); got == 1 != c.rings {
				t.Errorf("%d bells, want one: %v", got, c.rings)
			}
		})
	}
}

// Nobody listens where no daemon runs, and nobody asks whether the queue has room: so nobody rings.
func TestTheBellIsLentForAWhile(t *testing.T) {
	t.Parallel()
	clinic := newClinic(t)
	clinic.Exec(pgtest.Superuser, `UPDATE notifier.setting SET bell_until = clock_timestamp()`)
	bells := listening(t, clinic.DB)
	clinic.finish(1)
	equal(t, "bells after the lease", bells(), nil)
	clinic.Exec(pgtest.Runtime, `SELECT notifier.lend_bell('1 hour')`)
	clinic.finish(1)
	if got := len(bells()); got != 1 {
		t.Errorf("%d bells within the lease, want one", got)
	}
	until := pgtest.Get[string](clinic.DB, `SELECT bell_until::text FROM notifier.setting`)
	clinic.Exec(pgtest.Runtime, `SELECT notifier.lend_bell('1 hour')`)
	if got := pgtest.Get[string](clinic.DB, `SELECT bell_until::text FROM notifier.setting`); got != until {
		t.Errorf("a lease that is fresh went from %s to %s: one of several daemons is enough", until, got)
	}
}

// In a crowd a daemon looks by itself every few milliseconds, and a bell would be waste.
func TestADaemonThatLooksByItselfIsNotRungFor(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	advance := func(silence int) {
		t.Helper()
		execute(t, c.runtime, fmt.Sprintf(`SELECT notifier.advance(10, 0, 10, %d)`, silence))
	}
	bells := listening(t, c.DB)
	rings := func(when string, want int) {
		t.Helper()
		c.finish(1)
		if got := len(bells()); got != want {
			t.Errorf("%s: %d bells, want %d", when, got, want)
		}
	}
	rings("before", 1)
	advance(0)
	rings("after a look that asks for no silence", 1)
	advance(10_000)
	rings("in the silence", 0)
	until := pgtest.Get[string](c.DB, `SELECT silent_until::text FROM notifier.setting`)
	advance(10_000)
	if got := pgtest.Get[string](c.DB, `SELECT silent_until::text FROM notifier.setting`); got != until {
		t.Errorf("a fresh silence went from %s to %s: it is written once in a while only", until, got)
	}
	c.Exec(pgtest.Superuser, `UPDATE notifier.setting SET silent_until = clock_timestamp()`)
	rings("afterwards", 1)

	// As a clock leaves it that was set back, or another server's that was ahead.
	c.Exec(pgtest.Superuser, `UPDATE notifier.setting SET silent_until = clock_timestamp() + interval '1 hour'`)
	rings("when silence would last for an hour", 1)
	advance(60_000)
	rings("in a new silence after that, which is ten seconds however long was asked for", 0)
	c.Exec(pgtest.Superuser, `UPDATE notifier.setting SET silent_until = clock_timestamp()`)

	// The log waits for nobody who holds the settings.
	holder := c.Connect(pgtest.Superuser)
	execute(t, holder, `BEGIN`)
	execute(t, holder, `SELECT FROM notifier.setting FOR UPDATE`)
	execute(t, c.runtime, `SET lock_timeout = '50ms'`)
	advance(10_000)
	equal(t, "staged", c.staged(), nil)
	execute(t, holder, `COMMIT`)
	rings("since nobody could write that there is silence", 1)
	advance(0)
	advance(10_000)
	rings("since nothing came", 1)
}
