package wsroom_test

import (
	"sync/atomic"
	"testing"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// follower is a Tracer of all events, and of none whose id it does not want.
type follower struct {
	written, dropped atomic.Int64
	unwanted         string
}

func (f *follower) Trace(id, protocol string) wsroom.Trace {
	if id == f.unwanted || protocol != "ws" {
		return nil
	}
	return f
}
func (f *follower) Replaying(string, string) wsroom.Trace { return nil }
func (f *follower) Written(time.Time)                     { f.written.Add(1) }
func (f *follower) Evicted(string)                        {}
func (f *follower) Dropped()                              { f.dropped.Add(1) }

func (f *follower) want(t *testing.T, written, dropped int64) {
	t.Helper()
	if w, d := f.written.Load(), f.dropped.Load(); w != written || d != dropped {
		t.Errorf("%d written and %d dropped, want %d and %d", w, d, written, dropped)
	}
}

func TestATraceIsToldOfEveryMemberThatWasCounted(t *testing.T) {
	tests := []struct {
		name string
		fate func(t *testing.T, s seat)
	}{
		{"left", func(_ *testing.T, s seat) { s.Leave() }},
		{"ended", func(_ *testing.T, s seat) { s.End(wsroom.Restart, false) }},
		{"parted from its room", func(_ *testing.T, s seat) { s.Part() }},
		{"replayed", func(_ *testing.T, s seat) { s.Live(102) }},
		{"withdrawn", func(_ *testing.T, s seat) { s.Withdraw() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &follower{unwanted: roomtest.CursorOf(103)}
			h := openHub(wsroom.HubConfig{Tracer: f})
			s, _ := join(t, h, "1")
			h.Claim(103, roomtest.CursorOf(103))
			if n := publish(h, "1", 101, 102, 103); n != 1 {
				t.Fatalf("published to %d, want 1", n)
			}
			f.want(t, 0, 0)
			test.fate(t, s)
			f.want(t, 0, 2)
			s.Leave()
			f.want(t, 0, 2)
		})
	}
}

func TestAnEvictedMemberIsDroppedOnceForEachEvent(t *testing.T) {
	f := &follower{}
	h := openHub(wsroom.HubConfig{Tracer: f, Limits: wsroom.Limits{QueueMessages: 2}})
	s, _ := join(t, h, "1")
	s.Live(100)
	publish(h, "1", 101, 102)
	if n := publish(h, "1", 103); n != 0 {
		t.Errorf("the event that evicts was counted for %d", n)
	}
	f.want(t, 0, 2)
}

func TestATraceIsToldOfTheSocketsThatTookIt(t *testing.T) {
	f := &follower{}
	s := listen(t, func(hub *wsroom.HubConfig, _ *wsroom.HandlerConfig) { hub.Tracer = f })
	clients := []*client{s.join("1"), s.join("1")}
	s.Hub.Claim(101, roomtest.CursorOf(101))
	if n := publish(s.Hub, "1", 101); n != 2 {
		t.Fatalf("published to %d, want 2", n)
	}
	for _, c := range clients {
		c.wantEvents(101)
		_ = c.conn.CloseNow()
	}
	s.Drain(t)
	f.want(t, 2, 0)
}
