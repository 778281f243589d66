package notifier

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"notifier/sql/pgtest"
)

// Every 50 ms all connections of two daemons are cut while four writers commit, some of them late and some not at
// all. Each daemon must publish each committed change once, in the same order, and each appointment's in its own.
func TestAStormOfKilledConnections(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	screens := serve{accounts: []string{"1", "2", "3"}}
	daemons := []*daemon{c.serve(screens), c.serve(screens)}
	c.exec(`UPDATE doctors SET "isBusy" = true`)

	ctx, cancel := context.WithCancel(context.Background())
	var storm, load sync.WaitGroup
	storm.Go(func() { c.storm(ctx, 50*time.Millisecond) })
	histories := make([]history, 4)
	for n := range histories {
		ids := c.bookAll(1+n%3, booked, 3)
		load.Go(func() { histories[n] = c.write(ids, 200) })
	}
	load.Wait()
	cancel()
	storm.Wait()

	committed := 0
	for _, h := range histories {
		for _, statuses := range h {
			committed += len(statuses)
		}
	}
	var logs [2][]publication
	for n, d := range daemons {
		d.rooms.awaitSettled(t, int64(committed))
		logs[n] = d.rooms.awaitEvents(t, committed)
		checkOrder(t, logs[n], 1)
		if len(logs[n]) != committed || len(d.rooms.resyncs) != 0 {
			t.Errorf("daemon %d, %d committed: %v", n, committed, d.rooms)
		}
	}
	for i := range committed {
		if a, b := logs[0][i], logs[1][i]; a.id != b.id || a.appointment() != b.appointment() {
			t.Fatalf("event %d is %s of %d in one daemon, %s of %d in the other", i, a.id, a.appointment(), b.id, b.appointment())
		}
	}
	c.checkHistories(t, histories)
	eventually(t, "all effects to be settled", func() bool {
		return pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE outcome IS NULL`) == 0
	})
	if released := pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE outcome = 'released'`); released != 3 {
		t.Errorf("%d releases, want one for each doctor", released)
	}
	t.Logf("%d changes committed", committed)
}

// storm cuts all connections of the runtime role until ctx ends.
func (c *clinic) storm(ctx context.Context, every time.Duration) {
	conn, err := pgx.Connect(ctx, c.db.URL(pgtest.Superuser))
	if err != nil {
		c.t.Error(err)
		return
	}
	defer conn.Close(context.Background())
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := conn.Exec(context.Background(), terminateSQL, c.db.Name); err != nil {
				c.t.Error(err)
			}
		}
	}
}

// history is what was committed: for each appointment the statuses that it took, in order.
type history map[int][]int

// write finishes and cancels its own appointments in turn.
func (c *clinic) write(ids []int, rounds int) history {
	committed := history{}
	for range rounds {
		for _, id := range ids {
			status := finished
			if h := committed[id]; len(h) > 0 && h[len(h)-1] == finished {
				status = cancelled
			}
			ok, err := c.change(id, status)
			if err != nil {
				c.t.Errorf("a transaction of the clinic failed: %v", err)
				return committed
			}
			if ok {
				committed[id] = append(committed[id], status)
			}
		}
	}
	return committed
}

// change is a transaction that may take its time, and may be rolled back.
func (c *clinic) change(id, status int) (committed bool, err error) {
	ctx := context.Background()
	tx, err := c.app.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after a commit it does nothing
	if _, err := tx.Exec(ctx, `UPDATE appointments SET "statusId" = $2 WHERE id = $1`, id, status); err != nil {
		return false, err
	}
	if rand.N(3) == 0 {
		time.Sleep(rand.N(10 * time.Millisecond))
	}
	if rand.N(4) == 0 {
		return false, nil
	}
	return true, tx.Commit(ctx)
}

// checkHistories compares the log, appointment by appointment, with what was committed.
func (c *clinic) checkHistories(t *testing.T, histories []history) {
	t.Helper()
	status := map[string]int{"FINALIZADO": finished, "CANCELADO": cancelled}
	for _, h := range histories {
		for id, want := range h {
			names := pgtest.Get[[]string](c.db, `SELECT array_agg(status ORDER BY seq) FROM notifier.event WHERE appointment_id = $1`, id)
			var got []int
			for _, name := range names {
				got = append(got, status[name])
			}
			if !slices.Equal(got, want) {
				t.Errorf("appointment %d: the log has %v, committed was %v", id, got, want)
			}
		}
	}
}

// Nothing that a daemon has started goes on after its parts have returned and its pool is closed.
func TestNothingIsLeftRunning(t *testing.T) {
	pgtest.Server(t)
	before := goleak.IgnoreCurrent()
	t.Run("a daemon", func(t *testing.T) {
		c := newClinic(t)
		d := c.serve(serve{accounts: []string{"1"}})
		d.retain(time.Hour)
		c.cluster(terminateSQL, c.db.Name)
		for range 3 {
			c.finish(1)
		}
		d.rooms.awaitEvents(t, 3)
		d.metrics.await(t, "listener_up", 2)
	})
	goleak.VerifyNone(t, before)
}
