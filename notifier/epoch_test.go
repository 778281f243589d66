package notifier

import (
	"context"
	"fmt"
	"testing"

	"notifier/sql/pgtest"
)

// numbered is a daemon whose log has ten events of account 1, all published.
func numbered(t *testing.T) (*clinic, *daemon) {
	t.Helper()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	for range 10 {
		c.finish(1)
	}
	d.rooms.awaitSettled(t, 10)
	return c, d
}

// lastID is the id of the last published event, once there are count.
func (d *daemon) lastID(t *testing.T, count int) string {
	t.Helper()
	return d.rooms.awaitEvents(t, count)[count-1].id
}

// refused fails if a cursor is good.
func (d *daemon) refused(t *testing.T, cursor string, upTo int64) {
	t.Helper()
	recovered, err := d.replays.Replay(context.Background(), "1", cursor, upTo,
		func(id string, _ int64, _ string, _ []byte) { t.Errorf("cursor %s: event %s", cursor, id) })
	if err != nil || recovered {
		t.Errorf("cursor %s: recovered %v, %v", cursor, recovered, err)
	}
}

func TestAPlannedSwitchIsSeamless(t *testing.T) {
	t.Parallel()
	c, d := numbered(t)
	c.super(`UPDATE notifier.head SET server = 'the primary before'`)
	c.finish(1)
	c.finish(1)
	last := d.lastID(t, 12)
	epoch := pgtest.Get[int64](c.db, `SELECT epoch FROM notifier.head`)
	if want := (Cursor{epoch, 12}).String(); last != want || epoch == 1 {
		t.Errorf("last event %s, want %s", last, want)
	}
	d.rooms.awaitSettled(t, 12)
	d.rooms.mu.Lock()
	resyncs := len(d.rooms.resyncs)
	d.rooms.mu.Unlock()
	if resyncs != 0 {
		t.Error("connected screens were told to start afresh")
	}
	for _, cursor := range []string{"1-8", "1-10", Cursor{epoch, 11}.String()} {
		from, _ := ParseCursor(cursor)
		if got := d.replay(t, "1", cursor, 12); len(got) != int(12-from.Seq) {
			t.Errorf("cursor %s: %d events", cursor, len(got))
		}
	}
	// An event of the epoch before with a number that only the later one has.
	d.refused(t, "1-11", 12)
	// This one differs from what was handed out, but what it names survived.
	if got := d.replay(t, "1", Cursor{epoch, 9}.String(), 12); len(got) != 3 {
		t.Errorf("%d events after number 9 of the new epoch", len(got))
	}
}

// The end of the log is lost before anybody looks: the feed sees an end before its own place, and nothing to number.
func TestALostTail(t *testing.T) {
	t.Parallel()
	c, d := numbered(t)
	c.super(`BEGIN;
		DELETE FROM notifier.event WHERE seq > 6;
		DELETE FROM notifier.effect WHERE seq > 6;
		UPDATE notifier.head SET seq = 6, server = 'the primary before';
		COMMIT`)
	d.rooms.await(t, "Resync", func() bool { return len(d.rooms.resyncs) == 1 })
	if got := d.rooms.join("1"); got != (place{6, "1-6"}) {
		t.Errorf("screens join at %v", got)
	}
	d.refused(t, "1-7", 6)

	c.finish(1)
	got := d.rooms.awaitEvents(t, 11)[10]
	epoch := pgtest.Get[int64](c.db, `SELECT epoch FROM notifier.head`)
	if want := (Cursor{epoch, 7}).String(); got.id != want || got.seq != 7 || epoch == 1 {
		t.Errorf("event %s, want %s", got.id, want)
	}
	d.rooms.awaitSettled(t, 7)
	d.refused(t, "1-7", 7)
	d.refused(t, "1-10", 7)
	if got := d.replay(t, "1", "1-5", 7); len(got) != 2 || got[0].id != "1-6" || got[1].seq != 7 {
		t.Errorf("after 1-5: %+v", got)
	}
	d.rooms.mu.Lock()
	defer d.rooms.mu.Unlock()
	if len(d.rooms.resyncs) != 1 {
		t.Errorf("%d resyncs, want one", len(d.rooms.resyncs))
	}
}

// The end is lost between the claim and the events' publication: nobody has heard of what is gone, but who joined meanwhile starts behind it, and
// would miss what is numbered again.
func TestALostTailThatWasOnlyClaimed(t *testing.T) {
	t.Parallel()
	c, d := numbered(t)
	open := c.gate()
	c.finish(1)
	d.rooms.await(t, "Claim", func() bool { return d.rooms.position.seq == 11 })
	c.super(`BEGIN;
		DELETE FROM notifier.event WHERE seq > 10;
		DELETE FROM notifier.effect WHERE seq > 10;
		UPDATE notifier.head SET seq = 10, server = 'the primary before';
		COMMIT`)
	c.cluster(terminateSQL, c.db.Name)
	open()
	c.finish(1)
	d.rooms.await(t, "Resync", func() bool { return len(d.rooms.resyncs) == 1 })
	d.rooms.mu.Lock()
	if at := d.rooms.resyncs[0]; at.seq != 10 {
		t.Errorf("resync to %v, want number 10", at)
	}
	d.rooms.mu.Unlock()
	if got := d.rooms.awaitEvents(t, 11)[10]; got.seq != 11 || got.id == "1-11" {
		t.Errorf("goes on with %s, want number 11 of another epoch", got.id)
	}
}

// unseen changes the log in one transaction, so that the feed sees the state before or after.
func (c *clinic) unseen(statements string) {
	c.t.Helper()
	c.super(`BEGIN; LOCK TABLE notifier.head IN ACCESS EXCLUSIVE MODE; ` + statements + `; COMMIT`)
}

// numberedAgain are events that another server has numbered from 7 on, up to $1, in a later epoch.
const numberedAgain = `
	DELETE FROM notifier.event WHERE seq > 6;
	INSERT INTO notifier.epoch (epoch, after_seq, server) VALUES (1763815000, 6, 'x');
	INSERT INTO notifier.event (seq, epoch, appointment_id, account_id, doctor_id, status, event, changed_at)
	SELECT n, 1763815000, 1, 1, 1, 'FINALIZADO', 'appointmnents.finished', now() FROM generate_series(7, 15) AS n;
	UPDATE notifier.head SET seq = 15, epoch = 1763815000, server = notifier.server()`

// The end is lost, and more than that numbered again before this daemon looks: the place alone would not tell.
func TestALostTailThatWasOvertaken(t *testing.T) {
	t.Parallel()
	c, d := numbered(t)
	c.unseen(numberedAgain)
	d.rooms.await(t, "Resync", func() bool { return len(d.rooms.resyncs) == 1 })
	got := d.rooms.awaitEvents(t, 19)
	d.rooms.awaitSettled(t, 15)
	checkOrder(t, got[10:], 7)
	if got[10].id != "1763815000-7" || len(got) != 19 {
		t.Errorf("%d events, goes on with %s", len(got), got[10].id)
	}
	d.rooms.mu.Lock()
	defer d.rooms.mu.Unlock()
	if d.rooms.resyncs[0] != (place{6, "1763815000-6"}) {
		t.Errorf("resync to %v", d.rooms.resyncs[0])
	}
}

// Back on a server that never heard of the epoch in which we published: where the two branched off, it cannot tell.
func TestALogThatDoesNotKnowOurEpoch(t *testing.T) {
	t.Parallel()
	c, d := numbered(t)
	c.super(`UPDATE notifier.head SET server = 'the primary before'`)
	c.finish(1)
	ours := d.lastID(t, 11)
	d.rooms.awaitSettled(t, 11)
	c.unseen(`DELETE FROM notifier.epoch WHERE epoch > 1; UPDATE notifier.event SET epoch = 1;
		INSERT INTO notifier.event (seq, epoch, appointment_id, account_id, doctor_id, status, event, changed_at)
		SELECT n, 4000000000, 1, 1, 1, 'FINALIZADO', 'appointmnents.finished', now() FROM generate_series(12, 15) AS n;
		INSERT INTO notifier.epoch (epoch, after_seq, server) VALUES (4000000000, 11, 'x');
		UPDATE notifier.head SET seq = 15, epoch = 4000000000, server = notifier.server()`)
	d.rooms.await(t, "Resync", func() bool { return len(d.rooms.resyncs) == 1 })
	if got := d.rooms.join("1"); got != (place{15, "4000000000-15"}) {
		t.Errorf("screens join at %v, want the log's end", got)
	}
	c.finish(1)
	if got := d.lastID(t, 12); got != "4000000000-16" {
		t.Errorf("goes on with %s", got)
	}
	d.refused(t, ours, 16)
	if got := d.replay(t, "1", "1-9", 16); len(got) != 7 {
		t.Errorf("%d events after a cursor that both branches know", len(got))
	}
}

// Events of the epoch before are published after the change: that is no change back.
func TestEventsOfTheEpochBefore(t *testing.T) {
	t.Parallel()
	c, d := numbered(t)
	add := func(epoch, from, to int64) string {
		return fmt.Sprintf(`
			INSERT INTO notifier.event (seq, epoch, appointment_id, account_id, doctor_id, status, event, changed_at)
			SELECT n, %d, 1, 1, 1, 'FINALIZADO', 'appointmnents.finished', now() FROM generate_series(%d, %d) AS n;
			UPDATE notifier.head SET seq = %[3]d;`, epoch, from, to)
	}
	c.unseen(add(1, 11, 14) + `
		INSERT INTO notifier.epoch (epoch, after_seq, server) VALUES (1763815000, 14, 'x');
		UPDATE notifier.head SET epoch = 1763815000, server = notifier.server()`)
	d.rooms.awaitSettled(t, 14)
	c.unseen(add(1763815000, 15, 16))
	got := d.rooms.awaitEvents(t, 16)
	checkOrder(t, got, 1)
	if got[13].id != "1-14" || got[14].id != "1763815000-15" {
		t.Errorf("ids %s, %s", got[13].id, got[14].id)
	}
	d.rooms.awaitSettled(t, 16)
	if got := d.lines.with("epoch_changed"); len(got) != 1 {
		t.Errorf("log: %v", got)
	}
	if len(d.rooms.resyncs) != 0 {
		t.Error("screens were told to start afresh")
	}
}

// The log moves to another server between a look at its end and the reading: what was numbered there is not
// published before it is known where that server's numbers begin.
func TestALogThatMovesWhileItIsRead(t *testing.T) {
	t.Parallel()
	c, d := numbered(t)
	d.stop()
	c.super(numberedAgain)
	feed := newDaemon(t, serve{url: c.db.URL(pgtest.Runtime), accounts: []string{"1"}})
	defer feed.pool.Close()
	feed.feed.at, feed.feed.opened = Cursor{1, 10}, true

	ctx := context.Background()
	if err := feed.feed.publishUpTo(ctx, 12, nil); err != nil { // the old server's end
		t.Fatal(err)
	}
	if feed.feed.at != (Cursor{1, 10}) || len(feed.rooms.published) != 0 {
		t.Errorf("at %v after %d events, want nothing published", feed.feed.at, len(feed.rooms.published))
	}
	if _, err := feed.feed.round(ctx); err != nil {
		t.Fatal(err)
	}
	if len(feed.rooms.resyncs) != 1 || feed.rooms.resyncs[0].seq != 6 {
		t.Errorf("resyncs %v", feed.rooms.resyncs)
	}
	checkOrder(t, feed.rooms.published, 7)
}

func TestUpToEpoch(t *testing.T) {
	log := func(epochs ...int64) (events []Event) {
		for i, epoch := range epochs {
			events = append(events, Event{Cursor: Cursor{epoch, int64(i)}})
		}
		return events
	}
	tests := []struct {
		epochs []int64
		want   int
	}{{nil, 0}, {[]int64{5}, 1}, {[]int64{6}, 0}, {[]int64{1, 4, 5}, 3}, {[]int64{4, 5, 6, 6}, 2}, {[]int64{6, 5}, 0}}
	for _, test := range tests {
		if got := len(upToEpoch(log(test.epochs...), 5)); got != test.want {
			t.Errorf("%v: %d events, want %d", test.epochs, got, test.want)
		}
	}
}
