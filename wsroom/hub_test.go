package wsroom_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// sink is the simplest Receiver: it notes that it was woken.
type sink struct{ woken, givenUp int }

func (s *sink) Wake()   { s.woken++ }
func (s *sink) GiveUp() { s.givenUp++ }

// seat is a member without a connection.
type seat struct {
	*wsroom.Member
	*sink
	t *testing.T
}

func attach(t *testing.T, h *wsroom.Hub) seat {
	t.Helper()
	s := seat{sink: &sink{}, t: t}
	s.Member = new(wsroom.Member)
	if err := h.Attach(s.Member, wsroom.Plain, s.sink); err != nil {
		t.Fatal(err)
	}
	return s
}

// join takes a seat in a room and returns the position.
func join(t *testing.T, h *wsroom.Hub, account string) (seat, int64) {
	t.Helper()
	s := attach(t, h)
	position, cursor, err := s.Join(account)
	if err != nil {
		t.Fatal(err)
	}
	if cursor != roomtest.CursorOf(position) {
		t.Errorf("want the cursor of %d, got %s", position, cursor)
	}
	return s, position
}

// seqs takes everything that is queued.
func (s seat) seqs() []int64 {
	var seqs []int64
	for {
		messages, _ := s.Take(make([]*wsroom.Message, 0, 4), 1<<20)
		if len(messages) == 0 {
			return seqs
		}
		for _, m := range messages {
			seqs = append(seqs, m.Seq())
		}
	}
}

func (s seat) want(seqs ...int64) {
	s.t.Helper()
	if got := s.seqs(); !slices.Equal(got, seqs) {
		s.t.Errorf("want events %v, got %v", seqs, got)
	}
}

func openHub(cfg wsroom.HubConfig) *wsroom.Hub {
	h := wsroom.NewHub(cfg)
	h.Open(100, "1-100")
	return h
}

func publish(h *wsroom.Hub, account string, seqs ...int64) (members int) {
	for _, seq := range seqs {
		members = h.Publish(account, roomtest.CursorOf(seq), seq, roomtest.EventName, []byte(`{}`))
	}
	return members
}

func TestAHubIsClosedUntilItIsOpened(t *testing.T) {
	h := wsroom.NewHub(wsroom.HubConfig{})
	if err := h.Attach(new(wsroom.Member), wsroom.Plain, &sink{}); !errors.Is(err, wsroom.ErrUnavailable) {
		t.Errorf("want ErrUnavailable, got %v", err)
	}
	h.Open(0, "1-0")
	if _, position := join(t, h, "1"); position != 0 {
		t.Errorf("want position 0, got %d", position)
	}
}

// Between the claim and the publishing an account comes that was not here, and a second member of one that was. Both start after the claim, so
// neither has anything to get from this batch; what they missed before is in the log up to that position.
func TestWhoJoinsBetweenClaimAndPublishStartsAfterTheClaim(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	early, _ := join(t, h, "1")
	early.Live(100)

	claimed := h.Claim(103, "1-103")
	if _, here := claimed["1"]; !here || len(claimed) != 1 {
		t.Fatalf("want account 1 claimed, got %v", claimed)
	}
	late, position := join(t, h, "1")
	stranger, strangersPosition := join(t, h, "2")
	if position != 103 || strangersPosition != 103 {
		t.Fatalf("want both to start at 103, got %d and %d", position, strangersPosition)
	}
	if n := publish(h, "1", 101, 103); n != 1 {
		t.Errorf("want the event for one member, got %d", n)
	}
	publish(h, "2", 102)
	h.Settle(103, "1-103")
	h.Claim(105, "1-105")
	publish(h, "1", 104)
	publish(h, "2", 105)

	late.Live(103)
	stranger.Live(103)
	early.want(101, 103, 104)
	late.want(104)
	stranger.want(105)
}

func TestWhatComesDuringTheReplayFollowsIt(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	m, _ := join(t, h, "1")
	h.Claim(103, "1-103")
	publish(h, "1", 101, 102, 103)
	if m.woken != 0 || len(m.seqs()) != 0 {
		t.Fatal("want nothing before the replay is over")
	}
	m.Live(102) // a log that is ahead has given 101 and 102
	if m.woken != 1 {
		t.Errorf("want to be woken once, got %d", m.woken)
	}
	m.want(103)
	publish(h, "1", 102, 104)
	m.want(104)
}

func TestWakeIsCalledOncePerIdleness(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	m, _ := join(t, h, "1")
	m.Live(100)
	publish(h, "1", 101, 102)
	if m.woken != 1 {
		t.Errorf("want 1, got %d", m.woken)
	}
	m.Take(make([]*wsroom.Message, 0, 1), 1)
	publish(h, "1", 103)
	if m.woken != 1 {
		t.Errorf("want still 1 while the writer has something in hand, got %d", m.woken)
	}
	m.want(102, 103)
	publish(h, "1", 104)
	if m.woken != 2 {
		t.Errorf("want 2, got %d", m.woken)
	}
}

func TestTheClaimIsNotChangedLater(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	one, _ := join(t, h, "1")
	first := h.Claim(101, "1-101")
	join(t, h, "2")
	second := h.Claim(102, "1-102")
	third := h.Claim(103, "1-103")
	one.Leave()
	fourth := h.Claim(104, "1-104")
	if len(first) != 1 || len(second) != 2 || len(third) != 2 {
		t.Errorf("want 1, 2 and 2 accounts, got %d, %d and %d", len(first), len(second), len(third))
	}
	if _, here := fourth["2"]; !here || len(fourth) != 1 {
		t.Errorf("want account 2 alone after half have left, got %v", fourth)
	}
	one, _ = join(t, h, "1")
	if fifth := h.Claim(105, "1-105"); len(fifth) != 2 {
		t.Errorf("want account 1 back, got %v", fifth)
	}
	one.Leave()
}

// A claim may name who has left, but never leave out who is here.
func TestTheClaimNamesEverybodyWhoIsHere(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	here := map[string]seat{}
	for i := range 2000 {
		account := fmt.Sprint(i * 7919 % 40)
		if s, taken := here[account]; taken {
			s.Leave()
			delete(here, account)
		} else {
			here[account], _ = join(t, h, account)
		}
		claimed := h.Claim(int64(101+i), roomtest.CursorOf(int64(101+i)))
		for account := range here {
			if _, named := claimed[account]; !named {
				t.Fatalf("step %d: account %s is here and not claimed", i, account)
			}
		}
		if len(claimed) > len(here)*4/3+2 {
			t.Fatalf("step %d: %d claimed for %d that are here", i, len(claimed), len(here))
		}
	}
}

func TestAFullQueueEvicts(t *testing.T) {
	tests := []struct {
		name  string
		cfg   wsroom.HubConfig
		cause string
	}{
		{"messages", wsroom.HubConfig{Limits: wsroom.Limits{QueueMessages: 3}}, "evicted messages"},
		{"bytes", wsroom.HubConfig{Limits: wsroom.Limits{QueueBytes: 250}}, "evicted bytes"}, // a frame has 78
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			counts := &roomtest.Counts{}
			test.cfg.Metrics = counts
			h := openHub(test.cfg)
			slow, _ := join(t, h, "1")
			quick, _ := join(t, h, "1")
			slow.Live(100)
			quick.Live(100)
			slow.Take(make([]*wsroom.Message, 0, 1), 1) // nothing: it sleeps
			for seq := int64(101); seq <= 103; seq++ {
				publish(h, "1", seq)
				quick.want(seq)
			}
			slow.Take(make([]*wsroom.Message, 0, 1), 1) // 101 is in hand, and still counts
			if n := publish(h, "1", 104); n != 1 {
				t.Errorf("want the event for one member, got %d", n)
			}
			quick.want(104)
			if slow.Ended() != wsroom.Slow || slow.givenUp != 1 || counts.Get(test.cause) != 1 {
				t.Errorf("want it evicted for its %s, got %v", test.name, counts)
			}
			messages, ending := slow.Take(make([]*wsroom.Message, 0, 4), 1<<20)
			if len(messages) != 0 || ending != wsroom.Slow {
				t.Errorf("want its ending and nothing else, got %d messages and %v", len(messages), ending)
			}
			publish(h, "1", 105)
			if counts.Get(test.cause) != 1 {
				t.Error("want it evicted once")
			}
		})
	}
}

func TestAMessageThatIsAloneMayBeOfAnySize(t *testing.T) {
	h := openHub(wsroom.HubConfig{Limits: wsroom.Limits{QueueBytes: 100}})
	m, _ := join(t, h, "1")
	m.Live(100)
	h.Publish("1", "1-101", 101, roomtest.EventName, []byte(`"`+strings.Repeat("x", 1000)+`"`))
	m.want(101)
	publish(h, "1", 102)
	m.want(102)
}

func TestTakeKeepsToTheBytes(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	m, _ := join(t, h, "1")
	m.Live(100)
	for seq := int64(101); seq <= 120; seq++ {
		publish(h, "1", seq)
	}
	first, _ := m.Take(make([]*wsroom.Message, 0, 64), 200)
	if len(first) != 2 {
		t.Errorf("want two of 78 bytes in 200, got %d", len(first))
	}
	second, _ := m.Take(make([]*wsroom.Message, 0, 64), 10)
	if len(second) != 1 || second[0].Seq() != 103 {
		t.Errorf("want at least one, got %d", len(second))
	}
	m.want(104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120)
}

// Whichever way a member of the second protocol is met, each protocol encodes an event once.
func TestAnEventIsEncodedOncePerProtocol(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	encoded := 0
	other := wsroom.NewProtocol("other", func(dst []byte, ev wsroom.Event) []byte {
		encoded++
		return append(dst, ev.ID...)
	}, func(dst []byte, cursor string) []byte { return append(dst, cursor...) })
	var members []*wsroom.Member
	for i := range 10 {
		protocol := wsroom.Plain
		if i%2 == 0 {
			protocol = other
		}
		m := new(wsroom.Member)
		if err := h.Attach(m, protocol, &sink{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.Join("1"); err != nil {
			t.Fatal(err)
		}
		m.Live(100)
		members = append(members, m)
	}
	publish(h, "2", 101)
	if encoded != 0 {
		t.Error("want nothing encoded for an empty room")
	}
	publish(h, "1", 102)
	if encoded != 1 {
		t.Errorf("want one encoding for five members, got %d", encoded)
	}
	var shared *byte
	for i, m := range members {
		messages, _ := m.Take(make([]*wsroom.Message, 0, 4), 1<<20)
		if i%2 == 1 {
			continue
		}
		if string(messages[0].Payload()) != "1-102" || string(messages[0].Frame()) != "\x81\x051-102" {
			t.Errorf("want the payload in a frame, got %q", messages[0].Frame())
		}
		if shared == nil {
			shared = &messages[0].Frame()[0]
		}
		if shared != &messages[0].Frame()[0] {
			t.Error("want all members to share the bytes")
		}
	}
}

func TestOpeningAgainNeverMovesThePositionBack(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	h.Claim(110, "1-110")
	h.Suspend()
	h.Open(105, "1-105")
	m, position := join(t, h, "1")
	if position != 110 {
		t.Errorf("want 110, got %d", position)
	}
	m.Live(110)
	h.Claim(110, "1-110")
	publish(h, "1", 106, 110, 111)
	m.want(111)
}

func TestResyncEndsEverybodyAndStartsLower(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	old, _ := join(t, h, "1")
	old.Live(100)
	buffering, _ := join(t, h, "1")
	publish(h, "1", 101)
	h.Resync(90, "2-90")
	for _, m := range []seat{old, buffering} {
		messages, ending := m.Take(make([]*wsroom.Message, 0, 4), 1<<20)
		if ending != wsroom.Resync || len(messages) != 0 {
			t.Errorf("want resync and nothing of the lost tail, got %v and %d messages", ending, len(messages))
		}
	}
	if n := publish(h, "1", 91); n != 0 {
		t.Errorf("want nobody left to tell, got %d", n)
	}
	fresh := attach(t, h)
	position, cursor, err := fresh.Join("1")
	if err != nil || position != 90 || cursor != "2-90" {
		t.Errorf("want position 90, got %d, %s, %v", position, cursor, err)
	}
	fresh.Live(90)
	h.Claim(91, "2-91")
	publish(h, "1", 91)
	fresh.want(91)
}

func TestAMemberEndsOnce(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	m, _ := join(t, h, "1")
	m.Live(100)
	publish(h, "1", 101)
	if !m.End(wsroom.Restart, true) || m.End(wsroom.Slow, false) {
		t.Error("want the first reason to count, and only it")
	}
	if messages, ending := m.Take(make([]*wsroom.Message, 0, 4), 1<<20); len(messages) != 1 || ending != nil {
		t.Errorf("want the queue flushed first, got %d and %v", len(messages), ending)
	}
	if _, ending := m.Take(make([]*wsroom.Message, 0, 4), 1<<20); ending != wsroom.Restart {
		t.Errorf("want restart, got %v", ending)
	}
	if m.Send(wsroom.NewMessage([]byte("x"))) {
		t.Error("want nothing queued behind the ending")
	}
	if _, _, err := m.Join("2"); err == nil {
		t.Error("want a member to join once")
	}
	m.Leave()
	m.Leave()
	if stats := h.Stats(); stats.Members != 0 || stats.Rooms != 0 {
		t.Errorf("want nobody, got %+v", stats)
	}
}
