package notifier

import (
	"context"
	"strconv"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

func TestAnOverviewTellsWhatIsInTheLog(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	pool := c.db.Pool(pgtest.Runtime)
	look := func(events int) Overview {
		t.Helper()
		o, err := Look(context.Background(), pool, events)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := look(5); o.Seq != 0 || o.Staged != 0 || o.Waiting != 0 || o.LastMinute != 0 || len(o.Events) != 0 {
		t.Errorf("of an empty log: %+v", o)
	}
	began := time.Now().Add(-time.Minute)
	first, second := c.book(1, serving), c.book(2, checkedIn)
	c.exec(`UPDATE doctors SET "isBusy" = true`)
	c.exec(`UPDATE appointments SET "statusId" = $1 WHERE id = $2`, finished, first)
	c.exec(`UPDATE appointments SET "statusId" = $1 WHERE id = $2`, cancelled, second)
	if o := look(5); o.Staged != 2 || len(o.Events) != 0 {
		t.Errorf("before the pump: %+v", o)
	}
	c.super(`SELECT notifier.pump(100)`)
	o := look(5)
	if o.Staged != 0 || o.Seq != 2 || o.Waiting != 1 || o.LastMinute != 2 || len(o.Events) != 2 {
		t.Fatalf("after the pump: %+v", o)
	}
	newest, oldest := o.Events[0], o.Events[1]
	if newest.Status != "CANCELADO" || newest.Account != "2" || newest.Effect != "" || newest.Appointment != strconv.Itoa(second) || newest.ID() != "1-2" {
		t.Errorf("the newest: %+v", newest)
	}
	if oldest.Status != "FINALIZADO" || oldest.Effect != "waiting" || oldest.SettledAt != nil || oldest.ChangedAt.Before(began) ||
		oldest.NumberedAt.Before(oldest.ChangedAt) {
		t.Errorf("the oldest: %+v", oldest)
	}
	c.super(`UPDATE notifier.effect SET outcome = 'released', settled_at = clock_timestamp();
		UPDATE notifier.event SET numbered_at = numbered_at - interval '2 minutes' WHERE seq = 1`)
	if o := look(1); o.Waiting != 0 || o.LastMinute != 1 || len(o.Events) != 1 {
		t.Errorf("after the release, and a minute: %+v", o)
	}
	if o := look(2); o.Events[1].Effect != "released" || o.Events[1].SettledAt == nil {
		t.Errorf("released: %+v", o.Events[1])
	}
}
