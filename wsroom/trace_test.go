package wsroom_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// follower is a Tracer of all events, and of none whose id it does not want. Replays it follows when it has somewhere to note them down.
type follower struct {
	written, dropped atomic.Int64
	unwanted         string
	evicted          []string
	replays          *replays
}

func (f *follower) Trace(id, protocol string) wsroom.Trace {
	if id == f.unwanted || protocol != "ws" {
		return nil
	}
	return f
}
func (f *follower) Replaying(id, conn string) wsroom.Trace {
	if f.replays == nil {
		return nil
	}
	return &replayed{follower: f, what: id + " to " + conn}
}
func (f *follower) Written(time.Time)   { f.written.Add(1) }
func (f *follower) Evicted(conn string) { f.evicted = append(f.evicted, conn) }
func (f *follower) Dropped()            { f.dropped.Add(1) }

// replays are those that were written.
type replays struct {
	mu      sync.Mutex
	written []string
}

type replayed struct {
	*follower
	what string
}

func (r *replayed) Written(time.Time) {
	r.replays.mu.Lock()
	defer r.replays.mu.Unlock()
	r.replays.written = append(r.replays.written, r.what)
}

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
	publish(h, "1", 104)
	if !slices.Equal(f.evicted, []string{s.ID()}) {
		t.Errorf("evicted: %v, want %s once", f.evicted, s.ID())
	}
}

func TestATraceIsToldToWhomAnEventWasReplayed(t *testing.T) {
	f := &follower{replays: &replays{}}
	s := listen(t, func(hub *wsroom.HubConfig, _ *wsroom.HandlerConfig) { hub.Name, hub.Tracer = "d", f })
	for range 3 {
		s.Publish("1", `{}`)
	}
	c := s.connect("?cursor=1-101", "Authorization: Bearer 1")
	c.want("welcome")
	c.wantEvents(102, 103)
	_ = c.conn.CloseNow()
	s.Drain(t)
	f.want(t, 0, 0)
	if got, want := f.replays.written, []string{"1-102 to d.1", "1-103 to d.1"}; !slices.Equal(got, want) {
		t.Errorf("replayed %v, want %v", got, want)
	}
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
