package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"notifier/notifier"
)

func cursor(seq int64) notifier.Cursor { return notifier.Cursor{Epoch: 1, Seq: seq} }

func (l *Ledger) publish(seq int64, members int) {
	l.Publishing(notifier.Event{Cursor: cursor(seq)}, 0)
	l.Published(members)
}

func (l *Ledger) about(seq int64) Facts {
	return l.Facts([]Event{{ID: cursor(seq).String(), Epoch: 1, Seq: seq}})[0]
}

func TestWhatADaemonKnowsOfAnEvent(t *testing.T) {
	l := newLedger(3, 2, 10)
	l.Began(10)
	l.Read(10, 12, time.Now(), 0)
	l.publish(12, 1)
	l.Settled(12)
	l.Read(12, 13, time.Now(), 0)
	tests := map[int64]string{9: Before, 10: Before, 11: Nobody, 12: Published, 13: Read, 14: Unread}
	for seq, want := range tests {
		if f := l.about(seq); f.State != want || (f.ReadAt != nil) != (want != Before && want != Unread) {
			t.Errorf("of event %d it says %+v, want %s", seq, f, want)
		}
	}

	for seq := int64(13); seq <= 16; seq++ {
		l.Read(seq-1, seq, time.Now(), 0)
		l.publish(seq, 1)
		l.Settled(seq)
	}
	for seq, want := range map[int64]string{11: Forgotten, 12: Forgotten, 13: Forgotten, 14: Published, 16: Published, 17: Unread, 10: Forgotten} {
		if f := l.about(seq); f.State != want {
			t.Errorf("of event %d it says %+v, want %s", seq, f, want)
		}
	}
}

func TestAnEventOfALostTailIsNotTakenForItsSuccessor(t *testing.T) {
	l := New()
	l.Began(0)
	l.Read(0, 5, time.Now(), 0)
	l.publish(5, 2)
	l.Settled(5)
	l.Settled(3) // the log went back
	later := Event{ID: "2-5", Epoch: 2, Seq: 5}
	if f := l.Facts([]Event{later})[0]; f.State != Unread || f.Members != 0 || f.ReadAt != nil {
		t.Errorf("%+v", f)
	}
	if f := l.about(3); f.State != Nobody || f.ReadAt == nil {
		t.Errorf("of what is still in the log it says %+v", f)
	}
	l.Read(3, 5, time.Now(), 0)
	l.Settled(5)
	if f := l.Facts([]Event{later})[0]; f.State != Nobody || f.ReadAt == nil {
		t.Errorf("%+v", f)
	}
}

func TestWhatBecameOfAnEventIsCountedAndNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New()
		l.Began(0)
		began := time.Now()
		l.Pumped(0, 1, true, began)
		l.Released(1, "released", began)
		l.Read(0, 1, began, time.Hour)
		l.Publishing(notifier.Event{Cursor: cursor(1)}, 2*time.Second)
		trace := l.Trace("1-1", "ws")
		trace.Evicted("d.7")
		l.Published(3)
		trace.Written(began.Add(time.Second))
		trace.Written(began.Add(2 * time.Second))
		trace.Dropped()
		f := l.about(1)
		if !f.Rung || f.Members != 3 || f.Sent.Written != 2 || f.Sent.Dropped != 1 || !slices.Equal(f.Evicted, []string{"d.7"}) || f.Replayed != nil {
			t.Errorf("%+v", f)
		}
		for name, at := range map[string]struct {
			got  *time.Time
			want time.Duration
		}{
			"numbered": {f.NumberedAt, 0}, "released": {f.ReleasedAt, 0}, "read": {f.ReadAt, 0}, "published": {f.PublishedAt, 0},
			"first": {f.Sent.First, time.Second}, "last": {f.Sent.Last, 2 * time.Second},
		} {
			if at.got == nil || at.got.Sub(began) != time.Hour+at.want { // by the database's clock, which is ahead
				t.Errorf("%s: %v, want %v and an hour after %v", name, at.got, at.want, began)
			}
		}
	})
}

func TestReplaysAreKnownOfEventsThatAreNot(t *testing.T) {
	l := newLedger(3, 2, 10)
	l.Began(100)
	for conn := range mostNamed + 2 {
		l.Replaying("1-7", "d."+strconv.Itoa(conn)).Written(time.Now())
	}
	l.Replaying("1-7", "d.99").Dropped()
	f := l.about(7)
	r := f.Replayed
	if f.State != Before || r == nil || r.Written != mostNamed+2 || r.Dropped != 1 || len(r.Conns) != mostNamed || r.More != 2 || r.Conns[0] != "d.0" {
		t.Errorf("%+v %+v", f, f.Replayed)
	}
	if f.ReplaysForgotten || l.about(8).ReplaysForgotten {
		t.Error("nothing was forgotten yet")
	}
	l.Replaying("1-8", "d.1")
	l.Replaying("1-9", "d.1")
	if f := l.about(7); f.Replayed != nil || !f.ReplaysForgotten {
		t.Errorf("more is remembered than it may, or not said to be forgotten: %+v", f)
	}
	l.Replaying("1-7", "d.2").Written(time.Now())
	if f := l.about(7); f.Replayed == nil || f.Replayed.Written != 1 || !f.ReplaysForgotten || l.about(9).ReplaysForgotten {
		t.Errorf("a part is not said to be one: %+v", f)
	}
}

// Under -race: the feed, the writers, replays and who asks.
func TestALedgerIsForMany(t *testing.T) {
	l := newLedger(50, 50, 50)
	l.Began(0)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for seq := range int64(200) {
				l.Replaying(cursor(seq).String(), "d.1").Written(time.Now())
				_ = l.about(seq)
			}
		})
	}
	for seq := int64(1); seq <= 200; seq++ {
		l.Pumped(seq-1, seq, false, time.Now())
		l.Read(seq-1, seq, time.Now(), 0)
		l.Publishing(notifier.Event{Cursor: cursor(seq)}, 0)
		for n := range 3 {
			trace := l.Trace("", "")
			group.Go(func() {
				trace.Written(time.Now())
				trace.Evicted(fmt.Sprint("d.", n))
			})
		}
		l.Published(3)
	}
	group.Wait()
	if f := l.about(200); f.Sent.Written != 3 || len(f.Evicted) != 3 {
		t.Errorf("%+v", f)
	}
	if n := len(l.published.values) + len(l.replayed.values); n != 100 {
		t.Errorf("%d events are remembered, want 100", n)
	}
	if n := len(l.read.list); n > 50 {
		t.Errorf("%d stretches are remembered, want 50 at most", n)
	}
}

// What this daemon numbered and settled before the log went back is void: another one may have the numbers now.
func TestWhatWasDoneToALostTailIsNotSaidOfItsSuccessors(t *testing.T) {
	l := New()
	l.Began(0)
	l.Pumped(0, 60, true, time.Now())
	l.Read(0, 60, time.Now(), 0)
	l.Settled(60)
	l.Released(40, "released", time.Now())
	l.Released(50, "released", time.Now())
	l.Settled(45)
	l.Read(45, 60, time.Now(), 0)
	l.Settled(60)
	if f := l.Facts([]Event{{ID: "2-50", Epoch: 2, Seq: 50}})[0]; f.NumberedAt != nil || f.ReleasedAt != nil || f.ReadAt == nil {
		t.Errorf("%+v", f)
	}
	if f := l.about(40); f.NumberedAt == nil || f.ReleasedAt == nil {
		t.Errorf("%+v", f)
	}
}
