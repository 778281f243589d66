package wsroom_test

import (
	"testing"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// told makes the message that a test tells by its text.
func told(text string) *wsroom.Message { return wsroom.NewMessage([]byte(text)) }

// texts takes everything there is: payloads.
func (s seat) texts() (texts []string) {
	for {
		messages, _ := s.Take(make([]*wsroom.Message, 0, 2), 1<<20)
		if len(messages) == 0 {
			return texts
		}
		for _, m := range messages {
			texts = append(texts, string(m.Payload()))
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func talkingHub() *wsroom.Hub {
	h := wsroom.NewHub(wsroom.HubConfig{Limits: wsroom.Limits{QueueMessages: 4}})
	h.Open(100, roomtest.CursorOf(100))
	return h
}

func wantTexts(t *testing.T, s seat, want ...string) {
	t.Helper()
	got := s.texts()
	if len(got) != len(want) {
		t.Fatalf("want %q, got %q", want, got)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("want %q, got %q", want, got)
		}
	}
}

func TestWhatIsToldGoesOutAtAnyStageAndBeforeTheQueue(t *testing.T) {
	h := talkingHub()
	s := attach(t, h)
	s.Tell(told("attached"))
	wantTexts(t, s, "attached")
	if _, _, err := s.Join("1"); err != nil {
		t.Fatal(err)
	}
	s.Send(told("queued"))
	s.Tell(told("buffering 1"))
	s.Tell(told("buffering 2"))
	s.Tell(told("buffering 3"))
	s.Live(100)
	wantTexts(t, s, "buffering 1", "buffering 2", "buffering 3", "queued")
	if s.woken != 2 {
		t.Errorf("woken %d times", s.woken)
	}
}

func TestWhatIsToldCountsAgainstTheLimits(t *testing.T) {
	s := attach(t, talkingHub())
	for range 4 {
		if !s.Tell(told("x")) {
			t.Fatal("refused")
		}
	}
	if s.Tell(told("one too many")) || s.Ended() != wsroom.Slow {
		t.Errorf("ending %v", s.Ended())
	}
	if s.Tell(told("x")) {
		t.Error("told after the end")
	}
}

func TestDrainedIsClosedWhenAllIsWritten(t *testing.T) {
	s := attach(t, talkingHub())
	if !isClosed(s.Drained()) {
		t.Error("nothing was told")
	}
	s.Tell(told("x"))
	drained := s.Drained()
	s.Take(make([]*wsroom.Message, 0, 4), 1<<20)
	if isClosed(drained) {
		t.Error("it is in hand, and not written")
	}
	s.Take(make([]*wsroom.Message, 0, 4), 1<<20)
	if !isClosed(drained) {
		t.Error("all is written")
	}
	for name, end := range map[string]func(seat){
		"rest": func(s seat) {
			s.Take(make([]*wsroom.Message, 0, 4), 1<<20)
			s.Rest()
		},
		"end":   func(s seat) { s.End(wsroom.Restart, false) },
		"leave": func(s seat) { s.Leave() },
	} {
		s := attach(t, talkingHub())
		s.Tell(told("x"))
		drained := s.Drained()
		end(s)
		if !isClosed(drained) {
			t.Errorf("not after %s", name)
		}
	}
}

func TestRestWakesForWhatIsLeft(t *testing.T) {
	s := attach(t, talkingHub())
	s.Tell(told("1"))
	s.Tell(told("2"))
	s.Take(make([]*wsroom.Message, 0, 1), 1<<20)
	s.Rest()
	if s.woken != 2 {
		t.Errorf("woken %d times with one left", s.woken)
	}
	s.Take(make([]*wsroom.Message, 0, 1), 1<<20)
	s.Rest()
	if s.woken != 2 || !s.Idle() {
		t.Errorf("woken %d times with nothing left", s.woken)
	}
	s.End(wsroom.Restart, true)
	if s.woken != 3 {
		t.Error("not woken for the end")
	}
	s.Rest()
	if s.woken != 4 {
		t.Error("nobody has taken the end yet")
	}
}

func TestSwitchHandsOverWhatWasNotTaken(t *testing.T) {
	h := talkingHub()
	s := attach(t, h)
	second := &sink{}
	s.Switch(second)
	if second.woken != 0 {
		t.Error("woken for nothing")
	}
	s.Tell(told("x"))
	third := &sink{}
	s.Switch(third)
	if second.woken != 1 || third.woken != 1 || s.woken != 0 {
		t.Errorf("woken %d, %d, %d", s.woken, second.woken, third.woken)
	}
	wantTexts(t, s, "x")
	s.Tell(told("y"))
	if third.woken != 2 {
		t.Error("not woken")
	}
}

// mourner is a sink that is told of endings.
type mourner struct {
	sink
	reasons []*wsroom.Ending
}

func (m *mourner) Ending(reason *wsroom.Ending) { m.reasons = append(m.reasons, reason) }

func TestAnEndingReceiverIsToldOnce(t *testing.T) {
	h := talkingHub()
	m := new(wsroom.Member)
	r := &mourner{}
	if err := h.Attach(m, wsroom.Plain, r); err != nil {
		t.Fatal(err)
	}
	m.Tell(told("x")) // it is awake already
	m.End(wsroom.Resync, false)
	m.End(wsroom.Restart, false)
	if len(r.reasons) != 1 || r.reasons[0] != wsroom.Resync {
		t.Errorf("told %v", r.reasons)
	}
}

func TestWhoPartsMayJoinAgain(t *testing.T) {
	h := talkingHub()
	s, _ := join(t, h, "1")
	s.Live(100)
	h.Claim(101, roomtest.CursorOf(101))
	h.Publish("1", roomtest.CursorOf(101), 101, roomtest.EventName, []byte(`{}`))
	s.Part()
	s.Part() // it is in no room
	if stats := h.Stats(); stats.Members != 0 || stats.Waiting != 1 || stats.Rooms != 0 || s.Account() != "" {
		t.Errorf("%+v in %q", stats, s.Account())
	}
	h.Claim(102, roomtest.CursorOf(102))
	if n := h.Publish("1", roomtest.CursorOf(102), 102, roomtest.EventName, []byte(`{}`)); n != 0 {
		t.Errorf("published to %d", n)
	}
	if position, _, err := s.Join("2"); err != nil || position != 102 {
		t.Fatalf("at %d, %v", position, err)
	}
	s.Live(102)
	h.Claim(103, roomtest.CursorOf(103))
	h.Publish("1", roomtest.CursorOf(103), 103, roomtest.EventName, []byte(`{}`))
	h.Publish("2", roomtest.CursorOf(104), 104, roomtest.EventName, []byte(`{}`))
	if got := s.seqs(); len(got) != 1 || got[0] != 104 {
		t.Errorf("got %v", got)
	}
	s.Leave()
	if stats := h.Stats(); stats.Members != 0 || stats.Waiting != 0 || stats.Protocols["ws"] != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestWhoIsWithdrawnTakesAlongWhatItWasToldAndNotGiven(t *testing.T) {
	h := talkingHub()
	s := attach(t, h)
	if _, _, err := s.Join("1"); err != nil {
		t.Fatal(err)
	}
	h.Claim(101, roomtest.CursorOf(101))
	h.Publish("1", roomtest.CursorOf(101), 101, "ended", []byte("{}"))
	s.Tell(told("taken"))
	s.Tell(wsroom.NewMessageAt([]byte("left"), roomtest.CursorOf(100)))
	if messages, _ := s.Take(make([]*wsroom.Message, 0, 1), 1<<20); len(messages) != 1 || messages[0].Cursor() != "" {
		t.Fatalf("took %d", len(messages))
	}
	s.Rest()
	rest := s.Withdraw()
	if len(rest) != 1 || string(rest[0].Payload()) != "left" || rest[0].Cursor() != roomtest.CursorOf(100) {
		t.Errorf("got %d messages", len(rest))
	}
	if s.Tell(told("late")) || h.Publish("1", roomtest.CursorOf(102), 102, "ended", []byte("{}")) != 0 {
		t.Error("it still takes something")
	}
	s.Leave()
	if stats := h.Stats(); stats.Members != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestAnEventTellsHowFarItBringsItsReader(t *testing.T) {
	h := talkingHub()
	s := attach(t, h)
	position, _, err := s.Join("1")
	if err != nil {
		t.Fatal(err)
	}
	s.Live(position)
	h.Claim(101, roomtest.CursorOf(101))
	h.Publish("1", roomtest.CursorOf(101), 101, "ended", []byte("{}"))
	h.Settle(105, roomtest.CursorOf(105))
	s.Refresh(s.Refresh(position))
	var cursors []string
	messages, _ := s.Take(make([]*wsroom.Message, 0, 4), 1<<20)
	for _, m := range messages {
		cursors = append(cursors, m.Cursor())
	}
	if len(cursors) != 2 || cursors[0] != roomtest.CursorOf(101) || cursors[1] != roomtest.CursorOf(105) {
		t.Errorf("got %v", cursors)
	}
}
