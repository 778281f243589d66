package notifier

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"notifier/sql"
	"notifier/sql/pgtest"
)

func TestADatabaseThatIsMigratedLater(t *testing.T) {
	t.Parallel()
	c := furnish(t, pgtest.Clinic(t))
	d := newDaemon(t, serve{url: runtimeURL(t, c.db.URL(pgtest.Runtime)), accounts: []string{"1"}})
	if d.feed.Err() == nil {
		t.Error("no error before Run")
	}
	d.run(true)
	eventually(t, "the feed to say what is wrong", func() bool { return IsNotMigrated(d.feed.Err()) })
	if d.rooms.join("1") != (place{}) || d.rooms.available {
		t.Error("open on a database that is not migrated")
	}
	migrator, err := sql.New(sql.Config{URL: c.db.URL(pgtest.Owner)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Up(context.Background()); err != nil {
		t.Fatal(err)
	}
	d.rooms.awaitOpen(t)
	c.finish(1)
	d.rooms.awaitEvents(t, 1)
	eventually(t, "the error to be gone", func() bool { return d.feed.Err() == nil })
}

// What answers but lacks something is not opened and suspended in turn.
func TestADatabaseThatLacksSomething(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, take, give string }{
		{"the right to number", `REVOKE EXECUTE ON FUNCTION notifier.advance(integer, bigint, integer, integer) FROM notifier_runtime`,
			`GRANT EXECUTE ON FUNCTION notifier.advance(integer, bigint, integer, integer) TO notifier_runtime`},
		{"the view", `ALTER VIEW notifier.appointment_dto RENAME TO elsewhere`, `ALTER VIEW notifier.elsewhere RENAME TO appointment_dto`},
	}
	for _, test := range tests {
		t.Run(test.name+", at start", func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			c.super(test.take)
			d := newDaemon(t, serve{url: runtimeURL(t, c.db.URL(pgtest.Runtime)), accounts: []string{"1"}})
			d.run(false)
			eventually(t, "the feed to say what is wrong", func() bool { return IsNotMigrated(d.feed.Err()) })
			c.finish(1)
			c.super(test.give)
			d.rooms.awaitOpen(t)
			c.finish(1)
			d.rooms.awaitSettled(t, 2)
			d.rooms.mu.Lock()
			defer d.rooms.mu.Unlock()
			if len(d.rooms.opens) != 1 || d.rooms.suspends != 0 {
				t.Errorf("%v", d.rooms)
			}
		})
		t.Run(test.name+", later", func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			d := c.serve(serve{accounts: []string{"1"}})
			c.super(test.take)
			c.finish(1)
			d.rooms.await(t, "Suspend", func() bool { return d.rooms.suspends == 1 })
			for range 3 { // more tries
				last := d.feed.health.Load()
				eventually(t, "another try", func() bool { return d.feed.health.Load() != last })
			}
			c.super(test.give)
			d.rooms.awaitEvents(t, 1)
			d.rooms.mu.Lock()
			defer d.rooms.mu.Unlock()
			if len(d.rooms.opens) != 2 || d.rooms.suspends != 1 {
				t.Errorf("%v", d.rooms)
			}
		})
	}
}

func TestADatabaseThatIsAwayAtStart(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.refuse()
	d := newDaemon(t, serve{url: runtimeURL(t, c.db.URL(pgtest.Runtime)), accounts: []string{"1"}})
	d.run(true)
	eventually(t, "the feed to say what is wrong", func() bool { return sqlState(d.feed.Err()) == "55000" })
	if IsNotMigrated(d.feed.Err()) || d.listener.Up() {
		t.Errorf("listener up %v, error %v", d.listener.Up(), d.feed.Err())
	}
	c.accept()
	c.finish(1)
	d.rooms.await(t, "the rooms to open", func() bool { return len(d.rooms.opens) == 1 })
	c.finish(1)
	d.rooms.awaitEvents(t, 1)
	eventually(t, "the error to be gone", func() bool { return d.feed.Err() == nil })
}

func TestADatabaseThatGoesAway(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	c.finish(1)
	d.rooms.awaitEvents(t, 1)

	// Shortly: nobody notices.
	c.cluster(terminateSQL, c.db.Name)
	c.finish(1)
	d.rooms.awaitEvents(t, 2)
	d.rooms.mu.Lock()
	if d.rooms.suspends != 0 || len(d.rooms.opens) != 1 {
		t.Errorf("after killed backends: %v", d.rooms)
	}
	d.rooms.mu.Unlock()

	// For longer: the rooms are suspended, and what was committed meanwhile comes when they are open again.
	away := time.Now()
	c.refuse()
	d.rooms.await(t, "Suspend", func() bool { return d.rooms.suspends == 1 })
	if took := time.Since(away); took < suspendAfter {
		t.Errorf("suspended after %v, want %v", took, suspendAfter)
	}
	if d.feed.Err() == nil {
		t.Error("no error while the database is away")
	}
	c.accept()
	c.finish(1)
	checkOrder(t, d.rooms.awaitEvents(t, 3), 1)
	d.rooms.mu.Lock()
	defer d.rooms.mu.Unlock()
	if len(d.rooms.opens) != 2 || d.rooms.opens[1] != (place{2, "1-2"}) || d.rooms.suspends != 1 || len(d.rooms.resyncs) != 0 {
		t.Errorf("%v, opened at %v", d.rooms, d.rooms.opens)
	}
	if recovered := d.lines.with("feed_recovered"); len(recovered) == 0 {
		t.Error("the log does not say that it recovered")
	}
	for _, message := range []string{"feed_failed", "listener_lost"} {
		if got := d.lines.with(message); len(got) == 0 || len(got) > 6 || !strings.Contains(got[0], "error=") {
			t.Errorf("%d lines of %s, want one for each kind of trouble: %v", len(got), message, got)
		}
	}
}

// A link that swallows answers is found by the time limit of every statement.
func TestALinkThatSwallowsAnswers(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	link := newLink(t)
	d := c.serve(serve{url: link.url(runtimeURL(t, c.db.URL(pgtest.Runtime))), accounts: []string{"1"}})
	c.finish(1)
	d.rooms.awaitEvents(t, 1)
	link.freeze()
	frozen := time.Now()
	d.rooms.await(t, "Suspend", func() bool { return d.rooms.suspends == 1 })
	if took := time.Since(frozen); took > 2*queryTimeout {
		t.Errorf("noticed after %v, want it with the first statement that is not answered", took)
	}
	c.finish(1)
	link.thaw()
	checkOrder(t, d.rooms.awaitEvents(t, 2), 1)
	if got := d.lines.with("feed_failed"); len(got) == 0 || !strings.Contains(got[0], "deadline") {
		t.Errorf("log: %v", got)
	}
}

// The server crashes: all backends end, it recovers, and refuses connections meanwhile. Not parallel: the other
// tests are on the same server.
func TestAServerThatCrashes(t *testing.T) {
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	ids := c.bookAll(1, booked, 3)
	c.set(ids[0], finished)
	d.rooms.awaitEvents(t, 1)
	pid := pgtest.Get[int](c.db, `SELECT pid FROM pg_stat_activity WHERE application_name = 'notifier listener' AND datname = $1`, c.db.Name)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.metrics.await(t, "listener_down", 1)
	for n, id := range ids[1:] {
		eventually(t, "the server to take writes", func() bool {
			_, err := c.app.Exec(context.Background(), `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, id)
			return err == nil
		})
		d.rooms.awaitEvents(t, 2+n)
	}
	got := d.rooms.awaitEvents(t, 3)
	checkOrder(t, got, 1)
	if !slices.Equal(appointments(got), ids) || len(d.rooms.resyncs) != 0 {
		t.Errorf("published %v, %v", appointments(got), d.rooms)
	}
}
