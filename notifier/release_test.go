package notifier

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

func (c *clinic) awaitFree(doctor int) {
	c.t.Helper()
	eventually(c.t, "the doctor to be free", func() bool { return !c.busy(doctor) })
}

func (c *clinic) awaitGuarded(seq int) {
	c.t.Helper()
	eventually(c.t, "the release to be guarded", func() bool {
		return pgtest.Get[bool](c.db, `SELECT EXISTS (SELECT FROM notifier.effect WHERE seq = $1 AND problem = 'guarded')`, seq)
	})
}

func TestADoctorWhoServesStaysBusy(t *testing.T) {
	t.Parallel()
	ends := []struct {
		name string
		end  func(c *clinic, appointment int)
	}{
		{"until it is finished", func(c *clinic, id int) { c.set(id, finished) }},
		{"until it is cancelled", func(c *clinic, id int) { c.set(id, cancelled) }},
		{"until it changes without an event", func(c *clinic, id int) { c.set(id, missed) }},
		{"until it is soft-deleted", func(c *clinic, id int) { c.exec(`UPDATE appointments SET "deletedAt" = now() WHERE id = $1`, id) }},
	}
	for _, test := range ends {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			d := c.serve(serve{accounts: []string{"1"}})
			c.occupy(1)
			current := c.book(1, serving)
			c.finish(1)
			d.rooms.awaitEvents(t, 1)
			c.awaitGuarded(1)
			if !c.busy(1) {
				t.Fatal("released while serving")
			}
			test.end(c, current)
			c.awaitFree(1)
			d.metrics.await(t, "release_released", 1)
		})
	}
	t.Run("not because of a deleted appointment, nor of another doctor's", func(t *testing.T) {
		t.Parallel()
		c := newClinic(t)
		c.serve(serve{accounts: []string{"1"}})
		c.occupy(1)
		deleted := c.book(1, serving)
		c.exec(`UPDATE appointments SET "deletedAt" = now() WHERE id = $1`, deleted)
		c.book(2, serving)
		c.finish(1)
		c.awaitFree(1)
	})
	t.Run("also when the same appointment is served again", func(t *testing.T) {
		t.Parallel()
		c := newClinic(t)
		d := c.serve(serve{accounts: []string{"1"}})
		c.occupy(1)
		release := c.holdPump()
		reopened := c.finish(1)
		c.set(reopened, serving)
		release()
		d.rooms.awaitEvents(t, 1)
		c.awaitGuarded(1)
		c.set(reopened, finished)
		c.awaitFree(1)
	})
}

// An event of the doctor ends the waiting at once, however long the next try is away.
func TestAnEventEndsTheWaitingAtOnce(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	c.occupy(1)
	current := c.book(1, serving)
	c.finish(1)
	c.awaitGuarded(1)
	c.super(`UPDATE notifier.effect SET retry_at = now() + interval '1 hour'`)
	c.set(current, cancelled)
	c.awaitFree(1)
	d.metrics.await(t, "release_released", 1)
}

func TestALockedDoctorDelaysHisReleaseAndNothingElse(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1", "2"}})
	c.exec(`UPDATE doctors SET "isBusy" = true`)
	unlock := c.begin(`UPDATE doctors SET name = name WHERE id = 1`)
	c.finish(1)
	c.finish(2)
	got := d.rooms.awaitEvents(t, 2)
	c.awaitFree(2)
	for _, p := range got {
		if isTombstone([]byte(p.data)) {
			t.Errorf("a tombstone: %s", p.data)
		}
	}
	if !c.busy(1) {
		t.Error("released a doctor whose row is locked")
	}
	unlock()
	c.awaitFree(1)
}

// LOCK TABLE doctors stops the view, too: screens get a tombstone in time, and the release comes later.
func TestALockedDoctorsTableDelaysReleasesAndNothingElse(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	c.occupy(1)
	first, later := c.book(1, booked), c.book(1, booked)
	unlock := c.lock("doctors")
	c.set(first, finished)
	got := d.rooms.awaitEvents(t, 1) // while the table is locked
	if !isTombstone([]byte(got[0].data)) {
		t.Errorf("published %s", got[0].data)
	}
	d.metrics.await(t, "release_failed", 1)
	unlock()
	c.awaitFree(1)
	c.set(later, finished)
	if got := d.rooms.awaitEvents(t, 2); isTombstone([]byte(got[1].data)) {
		t.Errorf("after the lock: %s", got[1].data)
	}
	failed := d.lines.with("release_failed")
	if len(failed) != 1 || !strings.Contains(failed[0], "kind=55P03") {
		t.Errorf("log: %v, want one line however often it failed", failed)
	}
}

func TestATriggerOnDoctorsThatRaises(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1", "2"}})
	c.exec(`UPDATE doctors SET "isBusy" = true`)
	c.super(`CREATE FUNCTION moody() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN IF NEW.id = 1 THEN RAISE 'not %', NEW.name; END IF; RETURN NEW; END $$;
		CREATE TRIGGER moody BEFORE UPDATE ON doctors FOR EACH ROW EXECUTE FUNCTION moody()`)
	c.finish(1)
	c.finish(1)
	c.finish(2)
	d.rooms.awaitEvents(t, 3)
	c.awaitFree(2)
	if !c.busy(1) {
		t.Error("released against the trigger")
	}
	eventually(t, "the SQLSTATE to be noted", func() bool {
		return pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE problem = 'P0001' AND outcome IS NULL`) == 2
	})
	eventually(t, "it to be tried again", func() bool {
		return pgtest.Get[int](c.db, `SELECT min(tries) FROM notifier.effect WHERE problem = 'P0001'`) >= 2
	})
	for _, line := range d.lines.with("release_postponed") {
		if !strings.Contains(line, "kind=P0001") {
			t.Errorf("log: %s", line)
		}
	}
	if got := len(d.lines.with("release_postponed")); got != 1 {
		t.Errorf("%d log lines, want one however many effects wait and however often they are tried", got)
	}
	c.super(`DROP TRIGGER moody ON doctors`)
	c.awaitFree(1)
}

func TestADoctorWhoIsGone(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1", "2"}})
	c.exec(`UPDATE doctors SET "isBusy" = true`)
	release := c.holdPump()
	id := c.finish(1)
	c.finish(2)
	c.exec(`DELETE FROM appointments WHERE id = $1`, id)
	c.exec(`DELETE FROM doctors WHERE id = 1`)
	release()
	d.rooms.awaitEvents(t, 2)
	c.awaitFree(2)
	d.metrics.await(t, "release_gone", 1)
	if waiting := pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE outcome IS NULL`); waiting != 0 {
		t.Errorf("%d effects still wait", waiting)
	}
}

// A release for which nobody asked: another daemon numbered the event and died.
func TestReleasesThatADeadDaemonLeft(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.occupy(2)
	c.finish(2)
	c.super(`SELECT notifier.pump(100)`)
	d := c.serve(serve{deaf: true})
	c.awaitFree(2)
	d.metrics.await(t, "release_released", 1)
}

// Try must come back in time, whatever the releaser does; and with nobody at work, too.
func TestTryDoesNotWaitForAReleaserThatIsStuck(t *testing.T) {
	t.Parallel()
	r := NewReleaser(nil, NoMetrics{}, slog.New(slog.DiscardHandler))
	started := time.Now()
	for range 100 {
		r.Try(5).wait(context.Background())
	}
	if took := time.Since(started); took > time.Second {
		t.Errorf("100 tries took %v, want the patience of one", took)
	}
	if got := r.since.Load(); got != 5 {
		t.Errorf("events after %d are to be considered, want 5", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	<-r.requests
	r.Try(3).wait(ctx)
	r.Try(9).wait(context.Background())
	if got := r.since.Load(); got != 3 {
		t.Errorf("events after %d are to be considered, want the earliest", got)
	}
}

func BenchmarkRelease(b *testing.B) {
	c := newClinic(b)
	d := newDaemon(b, serve{url: c.db.URL(pgtest.Runtime)})
	defer d.pool.Close()
	for b.Loop() {
		if _, err := d.releaser.pass(context.Background(), releaseBatch, noEvents); err != nil {
			b.Fatal(err)
		}
	}
}

func TestADoctorWhoseTriggerHangsDoesNotHoldUpTheOthersForEver(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.super(`CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN IF NEW.id = 1 AND NOT NEW."isBusy" THEN PERFORM pg_sleep(60); END IF; RETURN NEW; END';
		CREATE TRIGGER hang BEFORE UPDATE ON doctors FOR EACH ROW EXECUTE FUNCTION hang()`)
	for _, doctor := range []int{1, 2, 3} {
		c.occupy(doctor)
		c.finish(doctor)
	}
	c.serve(serve{accounts: []string{"1"}})
	eventually(t, "the doctors 2 and 3 are free", func() bool { return !c.busy(2) && !c.busy(3) })
	if !c.busy(1) {
		t.Error("the doctor whose trigger hangs is free")
	}
}
