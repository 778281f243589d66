package notifier

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

func (d *daemon) retain(keep time.Duration) {
	d.t.Helper()
	r := NewRetention(d.pool, keep, d.metrics, slog.New(slog.NewTextHandler(d.lines, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	d.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			d.t.Errorf("retention ended with %v", err)
		}
	})
}

func TestRetention(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{})
	c.bookAll(1, finished, 2500)
	d.rooms.awaitSettled(t, 2500)
	eventually(t, "the releases", func() bool {
		return pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE outcome IS NULL`) == 0
	})
	c.super(`UPDATE notifier.event SET numbered_at = now() - interval '2 hours' WHERE seq <= 2200;
		UPDATE notifier.effect SET settled_at = now() - interval '2 hours' WHERE seq <= 2200`)
	d.retain(time.Hour)
	d.metrics.await(t, "pruned", 2200) // in three batches, without the minute between runs
	d.metrics.await(t, "prunes", 3)
	if first := pgtest.Get[int](c.db, `SELECT min(seq) FROM notifier.event`); first != 2201 {
		t.Errorf("the log begins with %d", first)
	}
	if left := pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect`); left != 300 {
		t.Errorf("%d effects left, want 300", left)
	}
	c.finish(1)
	d.rooms.awaitSettled(t, 2501)
}

func TestRetentionWithoutADatabase(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.loader(t)
	c.refuse()
	d.retain(time.Hour)
	eventually(t, "it to say so", func() bool { return len(d.lines.with("prune_failed")) == 1 })
	c.accept()
}

// A daemon that was away for longer than the retention goes on where the log begins, and its screens start afresh.
func TestADaemonThatTheRetentionHasOvertaken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, change  string
		resync        place
		first, events int64
	}{
		{"some are left", `DELETE FROM notifier.event WHERE seq <= 13`, place{13, "1-13"}, 14, 3},
		{"none is left", `DELETE FROM notifier.event`, place{15, "1-15"}, 16, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, d := numbered(t)
			c.unseen(`INSERT INTO notifier.event (seq, epoch, appointment_id, account_id, doctor_id, status, event, changed_at)
				SELECT n, 1, 1, 1, 1, 'FINALIZADO', 'appointmnents.finished', now() FROM generate_series(11, 15) AS n;
				UPDATE notifier.head SET seq = 15; ` + test.change)
			d.rooms.await(t, "Resync", func() bool { return len(d.rooms.resyncs) == 1 })
			c.finish(1)
			got := d.rooms.awaitEvents(t, int(10+test.events))
			checkOrder(t, got[10:], test.first)
			d.rooms.mu.Lock()
			defer d.rooms.mu.Unlock()
			if d.rooms.resyncs[0] != test.resync || len(d.rooms.resyncs) != 1 {
				t.Errorf("resyncs %v, want %v", d.rooms.resyncs, test.resync)
			}
		})
	}
}
