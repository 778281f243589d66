package notifier

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	c.exec(`UPDATE doctors SET "isBusy" = true`)
	c.super(`CREATE FUNCTION closing() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN IF NEW.notes = 'closed' THEN NEW."statusId" := 5; END IF; RETURN NEW; END $$;
		CREATE TRIGGER closing BEFORE UPDATE OF notes ON appointments FOR EACH ROW EXECUTE FUNCTION closing()`)

	var want []int
	sent := func(id int) { want = append(want, id) }

	a := c.book(1, booked)
	for _, status := range []int{checkedIn, serving, missed, booked} {
		c.set(a, status)
	}
	if !c.busy(1) {
		t.Error("the doctor was released by something else than FINALIZADO")
	}
	c.set(a, cancelled)
	sent(a)
	d.rooms.awaitEvents(t, len(want))
	if !c.busy(1) {
		t.Error("CANCELADO released the doctor")
	}
	b := c.book(1, booked)
	c.set(b, finished)
	sent(b)
	d.rooms.awaitEvents(t, len(want))
	d.metrics.await(t, "release_released", 1)
	if c.busy(1) {
		t.Error("FINALIZADO did not release the doctor")
	}
	if !c.busy(11) || !c.busy(2) {
		t.Error("other doctors were released too")
	}

	c.set(b, finished) // again the same
	c.exec(`UPDATE appointments SET notes = 'x' WHERE id = $1`, b)
	c.exec(`DO $$ BEGIN UPDATE appointments SET "statusId" = 5 WHERE "statusId" = 6; RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END $$`)
	e := c.book(1, booked)
	c.exec(`UPDATE appointments SET notes = 'closed' WHERE id = $1`, e) // a BEFORE trigger sets the status
	sent(e)
	c.set(a, finished) // cancelled before
	sent(a)
	sent(c.book(1, finished))  // born so
	sent(c.book(1, cancelled)) // born so

	got := d.rooms.awaitEvents(t, len(want))
	checkOrder(t, got, 1)
	if !slices.Equal(appointments(got), want) {
		t.Errorf("sent %v, want %v", appointments(got), want)
	}
	for _, p := range got {
		if p.event != "appointmnents.finished" || p.account != "1" || p.id != "1-"+strconv.FormatInt(p.seq, 10) {
			t.Errorf("published %s %s to %s", p.event, p.id, p.account)
		}
	}
}

func TestRoutesSayWhatIsSent(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	c.super(`DELETE FROM notifier.route WHERE status = 'CANCELADO'; INSERT INTO notifier.route VALUES ('CHECKIN', 'appointments.checkin', false)`)
	a := c.book(1, booked)
	c.set(a, cancelled)
	c.set(a, checkedIn)
	c.set(a, finished)
	got := d.rooms.awaitEvents(t, 2)
	if got[0].event != "appointments.checkin" || got[1].event != "appointmnents.finished" || got[0].seq != 1 {
		t.Errorf("published %+v", got)
	}
}

func TestOneUpdateOfManyRows(t *testing.T) {
	t.Parallel()
	const count = 5000
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	c.bookAll(1, booked, count)
	want := c.ids(`UPDATE appointments SET "statusId" = 5 RETURNING id`)
	got := d.rooms.awaitEvents(t, count)
	d.rooms.awaitSettled(t, count)
	if len(want) != count || len(got) != count {
		t.Fatalf("%d updated, %d published", len(want), len(got))
	}
	checkOrder(t, got, 1)
	if !slices.Equal(appointments(got), want) {
		t.Error("published in another order than updated")
	}
	if bells := d.metrics.count("bell_ok"); bells != 1 {
		t.Errorf("the bell rang %d times for one transaction", bells)
	}
}

func TestAccountsWithoutScreensCostNoLoad(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.super(`CREATE SEQUENCE asked; GRANT ALL ON asked TO PUBLIC`)
	c.raises(`PERFORM nextval('asked')`)
	d := c.serve(serve{accounts: []string{"2"}})
	c.bookAll(1, finished, 3)
	c.bookAll(2, finished, 2)
	c.bookAll(3, finished, 4)
	d.rooms.awaitSettled(t, 9)
	if got := d.rooms.awaitEvents(t, 2); len(got) != 2 || got[0].seq != 4 || got[1].seq != 5 {
		t.Errorf("published %v", got)
	}
	if asked := pgtest.Get[int](c.db, `SELECT last_value FROM asked`); asked != 2 {
		t.Errorf("%d appointments loaded, want 2", asked)
	}
	if delivered, nobody := d.metrics.count("handled_delivered"), d.metrics.count("handled_nobody"); delivered != 2 || nobody != 7 {
		t.Errorf("counted %d delivered, %d for nobody", delivered, nobody)
	}
}

// What clients get is the state at delivery: the daemon is held back by the log's lock until it has changed.
func TestStateAtDelivery(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	release := c.holdPump()
	again, gone, moved := c.finish(1), c.finish(1), c.finish(1)
	c.set(again, serving)
	c.exec(`DELETE FROM appointments WHERE id = $1`, gone)
	c.exec(`UPDATE appointments SET "accountId" = 2 WHERE id = $1`, moved)
	release()
	got := d.rooms.awaitEvents(t, 3)
	if _, values := members(t, got[0].data); values["status"] != `{"id":3,"name":"Em atendimento","color":"#007bff"}` {
		t.Errorf("status %s, want what it is now", values["status"])
	}
	for _, p := range got[1:] {
		if !isTombstone([]byte(p.data)) || p.account != "1" {
			t.Errorf("to account %s: %s, want a tombstone", p.account, p.data)
		}
	}
}

// holdPump keeps every daemon from numbering, as another that is numbering would.
func (c *clinic) holdPump() (release func()) {
	c.t.Helper()
	conn := c.db.Connect(pgtest.Superuser)
	if _, err := conn.Exec(context.Background(), `BEGIN; SELECT FROM notifier.head FOR UPDATE`); err != nil {
		c.t.Fatal(err)
	}
	return func() {
		c.t.Helper()
		if _, err := conn.Exec(context.Background(), `COMMIT`); err != nil {
			c.t.Fatal(err)
		}
	}
}

func TestTwoFeedsOnOneDatabase(t *testing.T) {
	t.Parallel()
	const count = 300
	c := newClinic(t)
	daemons := []*daemon{c.serve(serve{accounts: []string{"1", "2"}}), c.serve(serve{accounts: []string{"1", "2"}})}
	c.exec(`UPDATE doctors SET "isBusy" = true`)
	var want []int
	for i := range count {
		want = append(want, c.finish(1+i%2))
	}
	for n, d := range daemons {
		got := d.rooms.awaitEvents(t, count)
		d.rooms.awaitSettled(t, count)
		checkOrder(t, got, 1)
		if len(got) != count || !slices.Equal(appointments(got), want) {
			t.Errorf("daemon %d published %d events, or in another order", n, len(got))
		}
	}
	eventually(t, "all effects to be settled", func() bool {
		return pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE outcome IS NULL`) == 0
	})
	for outcome, want := range map[string]int{"release_released": 2, "release_was_free": count - 2} {
		if got := daemons[0].metrics.count(outcome) + daemons[1].metrics.count(outcome); got != want {
			t.Errorf("%s: %d, want %d", outcome, got, want)
		}
	}
	if released := pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE outcome = 'released'`); released != 2 {
		t.Errorf("%d effects released a doctor, want one for each of 2", released)
	}
}

// eventually looks again until it holds, for states that only the database knows.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}
