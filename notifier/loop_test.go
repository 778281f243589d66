package notifier

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"notifier/sql/pgtest"
)

func TestPausesGrowToThePollInterval(t *testing.T) {
	const ms = time.Millisecond
	f := &Feed{poll: 50 * ms, eager: eagerPoll}
	pause := f.nextPause(time.Second, soon)
	got := []time.Duration{pause}
	for range 5 {
		pause = f.nextPause(pause, later)
		got = append(got, pause)
	}
	if want := []time.Duration{5 * ms, 10 * ms, 20 * ms, 40 * ms, 50 * ms, 50 * ms}; !slices.Equal(got, want) {
		t.Errorf("pauses %v, want %v", got, want)
	}
	if f := (&Feed{poll: 2 * ms, eager: eagerPoll}); f.nextPause(2*ms, soon) != 2*ms {
		t.Error("an eager look later than the poll interval")
	}
	if f.nextPause(5*ms, usual) != 50*ms {
		t.Error("after what has rung, and will ring again, a look before the poll interval")
	}
	f.silent = time.Now().Add(time.Minute)
	if f.nextPause(5*ms, usual) != 5*ms {
		t.Error("after what has rung before everybody was silenced, no look soon")
	}
	for came, want := range map[int]time.Duration{2: 5 * ms, crowdFrom: 3 * ms, 20: 20 * ms, 1000: crowdPause} {
		f.came = came
		if got := f.nextPause(50*ms, soon); got != want {
			t.Errorf("after %d events at once a pause of %v, want %v", came, got, want)
		}
	}
}

func TestWakeUps(t *testing.T) {
	tests := []struct {
		name  string
		wake  func(f *Feed)
		wakes bool
	}{
		{"a bell", func(f *Feed) { f.Wake() }, true},
		{"an announcement of what is published", func(f *Feed) { f.Announce(10); f.Announce(9) }, false},
		{"an announcement of news", func(f *Feed) { f.Announce(11) }, true},
		{"news among others", func(f *Feed) { f.Announce(11); f.Announce(3) }, true},
		{"a bell among others", func(f *Feed) { f.Wake(); f.Announce(3) }, true},
		{"nothing", func(*Feed) {}, false},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			f := NewFeed(nil, nil, nil, nil, time.Second, NoMetrics{}, slog.New(slog.DiscardHandler))
			f.at = Cursor{1, 10}
			test.wake(f)
			started := time.Now()
			f.sleep(context.Background(), time.Second, true)
			if woke := time.Since(started) < time.Second; woke != test.wakes {
				t.Errorf("%s: woken %v, want %v", test.name, woke, test.wakes)
			}
			f.Announce(12)
			started = time.Now()
			f.sleep(context.Background(), time.Second, false)
			if time.Since(started) < time.Second {
				t.Errorf("%s: woken out of a pause after an error", test.name)
			}
		})
	}
}

// A daemon that comes too late to number looks again soon: what the other one numbers must not wait for its next
// poll where announcements are not heard.
func TestADaemonThatLosesThePumpLooksAgainSoon(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.loader(t)
	ctx := context.Background()
	if next, err := d.feed.round(ctx); err != nil || next != later {
		t.Fatalf("with nothing to do: %v, %v", next, err)
	}
	release := c.holdPump()
	c.finish(1)
	if next, err := d.feed.round(ctx); err != nil || next != soon {
		t.Errorf("while another is numbering: %v, %v", next, err)
	}
	if next, err := d.feed.round(ctx); err != nil || next != later {
		t.Errorf("while it hangs: %v, %v, which would be for ever", next, err)
	}
	release()
	if next, err := d.feed.round(ctx); err != nil || next != soon || d.feed.at.Seq != 1 {
		t.Errorf("afterwards: %v, %v, at %v", next, err, d.feed.at)
	}
}

// Only the bell can be as quick as this: the poll looks once in ten minutes.
func TestTheBellAlone(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1", "2"}, poll: 10 * time.Minute, eager: 10 * time.Minute})
	for i := range 10 {
		c.finish(1)
		d.rooms.awaitEvents(t, i+1)
	}
	t.Run("beside a transaction that stays open after its update", func(t *testing.T) {
		id := c.book(1, booked)
		end := c.begin(`UPDATE appointments SET "statusId" = 5 WHERE id = $1`, id)
		for i := range 5 {
			// Who is open silences the bell for 100 ms, and no longer.
			c.exec(`SELECT pg_sleep(0.12)`)
			c.finish(2)
			d.rooms.awaitEvents(t, 11+i)
		}
		end()
		if got := d.rooms.awaitEvents(t, 16); got[15].appointment() != id {
			t.Errorf("the last is %+v, want the one that stayed open", got[15])
		}
	})
}

// Nobody rings in a crowd, and for a while after it: who comes then is found by the daemon's own looks, although the poll
// would come in ten minutes.
func TestWhoIsSilentInACrowdIsFound(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}, poll: 10 * time.Minute})
	sent := 0
	for range 5 {
		for range 4 { // the first finds a crowd, the next ask for silence
			ids := []int{c.book(1, booked), c.book(1, booked), c.book(1, booked), c.book(1, booked)}
			c.exec(`UPDATE appointments SET "statusId" = 5 WHERE id = ANY ($1)`, ids)
			sent += len(ids)
			d.rooms.awaitEvents(t, sent)
		}
		for range 10 { // 150 ms, in and after the silence
			c.exec(`SELECT pg_sleep(0.015)`)
			c.finish(1)
			sent++
			d.rooms.awaitEvents(t, sent)
		}
	}
	if got := pgtest.Get[bool](c.db, `SELECT silent_until > '-infinity' FROM notifier.setting`); !got {
		t.Error("nobody asked for silence")
	}
}

// And without a bell, or without ears, the poll alone.
func TestThePollAlone(t *testing.T) {
	t.Parallel()
	for name, deaf := range map[string]bool{"nobody listens": true, "the bell is off": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			c.super(`UPDATE notifier.setting SET bell = false`)
			d := c.serve(serve{accounts: []string{"1"}, deaf: deaf})
			for i := range 10 {
				c.finish(1)
				d.rooms.awaitEvents(t, i+1)
			}
			if got := d.metrics.count("bell_ok"); got != 0 {
				t.Errorf("the bell was heard %d times", got)
			}
		})
	}
}
