package notifier

import (
	"context"
	"testing"

	"notifier/sql/pgtest"
)

// gate makes the view wait until it is opened.
func (c *clinic) gate() (open func()) {
	c.t.Helper()
	c.raises(`LOOP EXIT WHEN pg_try_advisory_xact_lock_shared(77); PERFORM pg_sleep(0.002); END LOOP`)
	conn := c.db.Connect(pgtest.Superuser)
	if _, err := conn.Exec(context.Background(), `SELECT pg_advisory_lock(77)`); err != nil {
		c.t.Fatal(err)
	}
	return func() {
		c.t.Helper()
		if _, err := conn.Exec(context.Background(), `SELECT pg_advisory_unlock(77)`); err != nil {
			c.t.Fatal(err)
		}
	}
}

// The account's first screen joins between the claim and the publishing. It must be told a place such that what it
// is not sent lies before the place, so that its own fetch or its replay has it.
func TestAnAccountThatJoinsWhileDataIsLoadedMissesNothing(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	open := c.gate()
	d := c.serve(serve{accounts: []string{"1"}})
	start := d.rooms.join("1")

	c.exec(`INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT '2025-01-23', '09:00', '09:15', n, n, n, 5 FROM (VALUES (1), (2), (1)) AS v (n)`)
	d.rooms.await(t, "the claim", func() bool { return len(d.rooms.claims) == 1 })
	joined := d.rooms.join("2")
	d.rooms.mu.Lock()
	published := len(d.rooms.published)
	d.rooms.mu.Unlock()
	open()
	if published != 0 {
		t.Fatal("the interleaving was not forced: something was published before the join")
	}
	if joined != (place{3, "1-3"}) {
		t.Errorf("joined at %v, want behind the whole claim", joined)
	}

	d.rooms.awaitSettled(t, 3)
	late := c.finish(2)
	got := d.rooms.awaitEvents(t, 3)
	if got[0].seq != 1 || got[1].seq != 3 || got[2].seq != 4 || got[2].account != "2" || got[2].appointment() != late {
		t.Errorf("published %+v", got)
	}
	replayed := d.replay(t, "2", start.cursor, joined.seq)
	if len(replayed) != 1 || replayed[0].id != "1-2" || isTombstone([]byte(replayed[0].data)) {
		t.Errorf("replayed up to the join: %+v, want event 1-2", replayed)
	}
}

// When the load fails the batch is claimed again: who came meanwhile is then part of the claim, and starts behind it.
func TestABatchWhoseLoadFailsIsClaimedAgain(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	open := c.gate()
	d := c.serve(serve{accounts: []string{"1"}})
	c.book(1, finished)
	d.rooms.await(t, "the claim", func() bool { return len(d.rooms.claims) == 1 })
	c.cluster(terminateSQL, c.db.Name)
	d.rooms.await(t, "the second claim", func() bool { return len(d.rooms.claims) > 1 })
	open()
	d.rooms.awaitSettled(t, 1)
	d.rooms.mu.Lock()
	defer d.rooms.mu.Unlock()
	if len(d.rooms.published) != 1 || len(d.rooms.resyncs) != 0 {
		t.Errorf("%v, want one event", d.rooms)
	}
	for _, claim := range d.rooms.claims {
		if claim != (place{1, "1-1"}) {
			t.Errorf("claimed %v", claim)
		}
	}
}
