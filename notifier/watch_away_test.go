package notifier

import (
	"context"
	"strings"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

// While the database is away nothing is known, and nothing is told that the feed tells. What was wrong before is not a
// new trouble afterwards.
func TestAWatchWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	heard := &ears{}
	w := d.watch(heard, func(w *Watch) { w.downFor = time.Minute })
	d.awaitLooks()
	if unseen := d.metrics.count("unseen"); unseen != 0 {
		t.Errorf("%d looks failed", unseen)
	}
	release := c.holdPump()
	c.finish(1)
	d.awaitTroubles(w, PumpStuck)
	since := w.Troubles()[0].Since

	c.refuse()
	heard.down.Store(&outage{errNotStarted, time.Now().Add(-time.Hour)}) // it is given its time when the database is back
	d.awaitTroubles(w)
	d.metrics.await(t, "unseen", 5)
	d.rooms.await(t, "Suspend", func() bool { return d.rooms.suspends == 1 }) // by now the feed has said it
	c.accept()
	d.awaitTroubles(w, PumpStuck)
	if got := w.Troubles()[0].Since; got != since {
		t.Errorf("it began at %v, and again at %v", since, got)
	}
	d.onlyLine("pump_stuck")
	release()
	d.rooms.await(t, "the event to be settled", func() bool { return len(d.rooms.settles) > 0 || len(d.rooms.opens) > 1 })
	d.awaitTroubles(w)
	d.awaitLine("pump_recovered")
	for _, event := range []string{"watch_failed", "listener_down"} {
		if lines := d.lines.with(event); len(lines) != 0 {
			t.Errorf("told beside the feed: %v", lines)
		}
	}
}

// A watch that alone cannot see says so: the gauges are gone without anything else being wrong.
func TestAWatchThatMayNotLook(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{})
	d.watch(&ears{})
	d.awaitLooks()
	c.super(`REVOKE SELECT ON notifier.effect FROM ` + pgtest.Runtime)
	line := d.awaitLine("watch_failed")
	if !strings.Contains(line, "kind=42501") || !strings.Contains(line, "level=WARN") {
		t.Errorf("got %s", line)
	}
	if err := d.feed.Err(); err != nil {
		t.Errorf("the feed says %v", err)
	}
	d.metrics.await(t, "unseen", d.metrics.count("unseen")+5)
	c.super(`GRANT SELECT ON notifier.effect TO ` + pgtest.Runtime)
	d.awaitLooks()
	d.onlyLine("watch_failed")
}

// A look every two seconds must cost nothing worth speaking of, whatever has piled up.
func TestALookIsCheap(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.large(t)
	c.super(`
		INSERT INTO notifier.staging (appointment_id, account_id, status, event, releases_doctor)
		SELECT n, 1, 'FINALIZADO', 'appointmnents.finished', true FROM generate_series(1, 100100) AS n;
		INSERT INTO notifier.effect (seq, appointment_id, doctor_id, outcome) SELECT n, n, 1, 'released' FROM generate_series(1, 100000) AS n;
		INSERT INTO notifier.effect (seq, appointment_id, doctor_id, problem) SELECT n, n, 1, 'guarded' FROM generate_series(200000, 210100) AS n;
		INSERT INTO notifier.effect (seq, appointment_id, doctor_id, problem) VALUES (150000, 1, 1, '23514'), (150001, 1, 1, 'P0001');
		UPDATE notifier.effect SET retry_at = now() + interval '1 hour';
		ANALYZE notifier.staging, notifier.effect`)
	d := newDaemon(t, serve{url: runtimeURL(t, c.db.URL(pgtest.Runtime))})
	t.Cleanup(d.pool.Close)
	w := NewWatch(d.pool, d.feed, &ears{}, d.metrics, d.loader.log)
	got, err := w.look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got.oldest <= 0 {
		t.Errorf("the oldest is %v old", got.oldest)
	}
	got.oldest, got.queue = 0, 0
	want := look{seq: got.seq, epoch: 1, staged: 100_000, waiting: 10_000, failing: 2, firstFailing: 150000, firstProblem: "23514"}
	if got != want {
		t.Errorf("saw  %+v\nwant %+v", got, want)
	}

	conn, err := d.pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	plan := explain(t, conn.Conn(), forAny, watchSQL, `5`)
	for _, scan := range scans.FindAllString(plan, -1) {
		if strings.Contains(scan, "Seq Scan") && !strings.Contains(scan, " on head") {
			t.Errorf("reads a whole table: %s\n%s", scan, plan)
		}
	}
	if strings.Count(plan, "Limit") != 3 || strings.Contains(plan, " on event") {
		t.Errorf("it does not stop at its bounds, or reads what it need not:\n%s", plan)
	}
	for _, index := range []string{"staging_pkey", "effect_waiting"} {
		if !strings.Contains(plan, index) {
			t.Errorf("it does not use %s:\n%s", index, plan)
		}
	}
}

// Behind a pooler nothing is prepared, and the statements find the types of their arguments in another way.
func TestALookWithoutPreparedStatements(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	release := c.holdPump()
	defer release()
	for _, mode := range []string{"exec", "simple_protocol"} {
		d := newDaemon(t, serve{url: runtimeURL(t, c.db.URL(pgtest.Runtime)) + "&default_query_exec_mode=" + mode})
		t.Cleanup(d.pool.Close)
		w := NewWatch(d.pool, d.feed, &ears{}, d.metrics, d.loader.log)
		if got, err := w.look(context.Background()); err != nil || got.epoch != 1 {
			t.Errorf("%s: saw %+v, %v", mode, got, err)
		}
		if holder := w.findHolder(context.Background()); holder[0].Key != "held_by_pid" {
			t.Errorf("%s: found %v", mode, holder)
		}
	}
}
