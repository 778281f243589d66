package wsroom_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// guarded is a hub with limits, and what it counts.
func guarded(limits wsroom.Limits) (*wsroom.Hub, *roomtest.Counts) {
	counts := &roomtest.Counts{}
	return openHub(wsroom.HubConfig{Limits: limits, Metrics: counts}), counts
}

// come lets a connection in from an address, and attaches it.
func come(h *wsroom.Hub, from string) (*wsroom.Member, error) {
	addr, err := netip.ParseAddr(from)
	if err != nil {
		panic(err)
	}
	m := new(wsroom.Member)
	if err := h.Admit(m, netip.AddrPortFrom(addr, 1)); err != nil {
		return nil, err
	}
	return m, h.Attach(m, wsroom.Plain, &sink{})
}

func mustCome(t *testing.T, h *wsroom.Hub, from string) *wsroom.Member {
	t.Helper()
	m, err := come(h, from)
	if err != nil {
		t.Fatalf("%s: %v", from, err)
	}
	return m
}

func wantFull(t *testing.T, h *wsroom.Hub, from string) {
	t.Helper()
	if _, err := come(h, from); !errors.Is(err, wsroom.ErrTooMany) {
		t.Errorf("%s: want it refused, got %v", from, err)
	}
}

func TestALimitRefusesCountsAndTakesAgainWhenSomebodyLeaves(t *testing.T) {
	for limit, limits := range map[string]wsroom.Limits{
		"connections": {Connections: 2},
		"address":     {PerAddress: 2},
	} {
		t.Run(limit, func(t *testing.T) {
			h, counts := guarded(limits)
			first := mustCome(t, h, "203.0.113.1")
			if _, _, err := first.Join("1"); err != nil {
				t.Fatal(err)
			}
			second := new(wsroom.Member) // who is only let in counts as well
			if err := h.Admit(second, netip.MustParseAddrPort("203.0.113.1:2")); err != nil {
				t.Fatal(err)
			}
			wantFull(t, h, "203.0.113.1")
			wantFull(t, h, "203.0.113.1")
			if got := counts.Get("refused " + limit); got != 2 {
				t.Errorf("counted %v", counts)
			}
			first.Leave()
			first.Leave()
			mustCome(t, h, "203.0.113.1")
			wantFull(t, h, "203.0.113.1")
			second.Leave()
			mustCome(t, h, "203.0.113.1")
			wantFull(t, h, "203.0.113.1")
		})
	}
}

func TestARoomHasItsLimit(t *testing.T) {
	h, counts := guarded(wsroom.Limits{PerAccount: 2})
	first, _ := join(t, h, "1")
	join(t, h, "1")
	join(t, h, "2")
	third := attach(t, h)
	for range 2 {
		if _, _, err := third.Join("1"); !errors.Is(err, wsroom.ErrTooMany) {
			t.Errorf("want it refused, got %v", err)
		}
	}
	if h.HasRoom("1") || !h.HasRoom("2") || !h.HasRoom("3") {
		t.Error("want room for 2 and 3 alone")
	}
	if counts.Get("refused account") != 3 || h.Stats().Waiting != 1 || third.Account() != "" {
		t.Errorf("%v, %+v", counts, h.Stats())
	}
	first.Part()
	if _, _, err := third.Join("1"); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	if _, _, err := first.Join("1"); !errors.Is(err, wsroom.ErrTooMany) {
		t.Errorf("want it refused, got %v", err)
	}
}

func TestAddressesAreCountedAsCustomersHaveThem(t *testing.T) {
	for _, test := range []struct {
		first, second string
		same          bool
	}{
		{"203.0.113.1", "203.0.113.1", true},
		{"203.0.113.1", "203.0.113.2", false},
		{"203.0.113.1", "::ffff:203.0.113.1", true},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"203.0.113.1", "0:ffff:cb00:7101::", true}, // no such network: what stands for an IPv4 address
		{"fe80::1%eth0", "fe80::1%eth1", true},
	} {
		h, _ := guarded(wsroom.Limits{PerAddress: 1})
		first, second := addrOf(test.first), addrOf(test.second)
		if err := h.Admit(new(wsroom.Member), first); err != nil {
			t.Fatal(err)
		}
		if err := h.Admit(new(wsroom.Member), second); errors.Is(err, wsroom.ErrTooMany) != test.same {
			t.Errorf("%s and %s: %v", test.first, test.second, err)
		}
	}
}

// addrOf is what a request from there is taken to come from.
func addrOf(from string) netip.AddrPort {
	return wsroom.ClientAddr(requestFrom(netip.AddrPortFrom(netip.MustParseAddr(from), 1).String()))
}

func TestPrivateAddressesCanBeSpared(t *testing.T) {
	for from, spared := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "172.16.0.1": true, "192.168.1.1": true, "169.254.0.1": true,
		"100.64.0.1": true, "100.127.255.254": true, "::1": true, "fc00::1": true, "fd12::1": true, "fe80::1": true, "::ffff:10.0.0.1": true,
		"100.63.255.255": false, "100.128.0.0": false, "172.32.0.1": false, "203.0.113.1": false, "2001:db8::1": false, "::ffff:8.8.8.8": false,
	} {
		h, _ := guarded(wsroom.Limits{PerAddress: 1, SparePrivate: true})
		for range 2 {
			err := h.Admit(new(wsroom.Member), addrOf(from))
			if spared && err != nil {
				t.Errorf("%s: %v", from, err)
			}
		}
		h.SetLimits(wsroom.Limits{PerAddress: 2}) // they were counted all the same
		if err := h.Admit(new(wsroom.Member), addrOf(from)); spared && !errors.Is(err, wsroom.ErrTooMany) {
			t.Errorf("%s: not counted while it was spared", from)
		} else if !spared && err != nil {
			t.Errorf("%s: want the second refused and a third taken, got %v", from, err)
		}
	}
}

func TestAClientWithoutAnAddressIsNotCountedByIt(t *testing.T) {
	h, _ := guarded(wsroom.Limits{PerAddress: 1})
	for _, from := range []string{"", "pipe", "@", "1.2.3.4.5:6"} {
		addr := wsroom.ClientAddr(requestFrom(from))
		if err := h.Admit(new(wsroom.Member), addr); err != nil || wsroom.AddrString(addr) != "" {
			t.Errorf("%q: %v, %q", from, err, wsroom.AddrString(addr))
		}
	}
	for from, want := range map[string]string{
		"203.0.113.1:7": "203.0.113.1:7", "203.0.113.1": "203.0.113.1", "203.0.113.1:0": "203.0.113.1",
		"[2001:db8::1]:7": "[2001:db8::1]:7", "2001:db8::1": "2001:db8::1", "[::ffff:203.0.113.1]:7": "203.0.113.1:7",
	} {
		if got := wsroom.AddrString(wsroom.ClientAddr(requestFrom(from))); got != want {
			t.Errorf("%q: %q", from, got)
		}
	}
}

func TestNewConnectionsHaveARateAndABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, counts := guarded(wsroom.Limits{PerSecond: 2})
		comeAll := func(want int) {
			t.Helper()
			for i := range want {
				if _, err := come(h, "203.0.113.1"); err != nil {
					t.Fatalf("connection %d of %d: %v", i+1, want, err)
				}
			}
			wantFull(t, h, "203.0.113.1")
			wantFull(t, h, "203.0.113.1")
		}
		comeAll(10)
		time.Sleep(time.Second)
		comeAll(2) // those refused have not made it worse
		time.Sleep(499 * time.Millisecond)
		comeAll(0)
		time.Sleep(time.Hour)
		comeAll(10)
		if err := h.AdmitMoved(new(wsroom.Member), addrOf("203.0.113.1")); err != nil {
			t.Errorf("one that comes from elsewhere: %v", err)
		}
		if got := counts.Get("refused rate"); got != 8 {
			t.Errorf("counted %v", counts)
		}
		h.SetLimits(wsroom.Limits{})
		for range 20 {
			mustCome(t, h, "203.0.113.1")
		}
		h.SetLimits(wsroom.Limits{PerSecond: 2})
		comeAll(9) // the last one has come just now
	})
}

func TestWhoIsRefusedForAnotherReasonDoesNotCountForTheRate(t *testing.T) {
	h, counts := guarded(wsroom.Limits{Connections: 1, PerSecond: 1})
	for range 4 {
		m, _ := join(t, h, "1")
		for range 5 {
			wantFull(t, h, "203.0.113.1")
		}
		m.Leave()
	}
	if counts.Get("refused connections") != 20 {
		t.Errorf("counted %v", counts)
	}
}

func TestLimitsThatAreLoweredSendNobodyAway(t *testing.T) {
	h, counts := guarded(wsroom.Limits{})
	var members []seat
	for range 4 {
		m, _ := join(t, h, "1")
		m.Live(100)
		members = append(members, m)
	}
	stays := mustCome(t, h, "203.0.113.1")
	mustCome(t, h, "203.0.113.1")
	h.SetLimits(wsroom.Limits{Connections: 4, PerAccount: 2, PerAddress: 1})
	wantFull(t, h, "203.0.113.1")
	wantFull(t, h, "203.0.113.9")
	if _, _, err := stays.Join("1"); !errors.Is(err, wsroom.ErrTooMany) {
		t.Errorf("want the room full, got %v", err)
	}
	if publish(h, "1", 101) != 4 || stays.Ended() != nil || h.Stats().Waiting != 2 {
		t.Errorf("somebody was sent away: %+v", h.Stats())
	}
	for i, m := range members[:3] { // 6, 5, 4 are left, of 4
		wantFull(t, h, fmt.Sprintf("203.0.113.1%d", i))
		m.Leave()
	}
	mustCome(t, h, "203.0.113.9")
	if _, _, err := stays.Join("1"); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	if counts.Get("refused waiting") != 0 {
		t.Errorf("counted %v", counts)
	}
}

func TestLimitsOfAQueueHoldForWhoIsHere(t *testing.T) {
	for cause, limits := range map[string]wsroom.Limits{
		"messages": {QueueMessages: 2},
		"bytes":    {QueueBytes: 200}, // a frame has 78
	} {
		t.Run(cause, func(t *testing.T) {
			h, counts := guarded(wsroom.Limits{})
			m, _ := join(t, h, "1")
			m.Live(100)
			publish(h, "1", 101, 102)
			h.SetLimits(limits)
			if m.Ended() != nil {
				t.Error("evicted before there was anything for it")
			}
			publish(h, "1", 103)
			if m.Ended() != wsroom.Slow || counts.Get("evicted "+cause) != 1 {
				t.Errorf("want it evicted, got %v, %v", m.Ended(), counts)
			}
		})
	}
	h, _ := guarded(wsroom.Limits{QueueMessages: 1, QueueBytes: 1})
	h.SetLimits(wsroom.Limits{})
	m, _ := join(t, h, "1")
	m.Live(100)
	for seq := int64(101); seq <= 100+4096; seq++ {
		publish(h, "1", seq)
	}
	if m.Ended() != nil {
		t.Error("zero is not the default")
	}
	publish(h, "1", 5000)
	if m.Ended() != wsroom.Slow {
		t.Error("zero is no limit")
	}
}

// Strangers take all the places there are, and then somebody comes who has a token.
func TestWhoHasWaitedLongestMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, counts := guarded(wsroom.Limits{Connections: 3})
		member := mustCome(t, h, "203.0.113.1")
		if _, _, err := member.Join("1"); err != nil {
			t.Fatal(err)
		}
		oldest := mustCome(t, h, "203.0.113.2")
		time.Sleep(600 * time.Millisecond)
		next := mustCome(t, h, "203.0.113.3")
		wantFull(t, h, "203.0.113.4") // nobody has had time to say who it is
		time.Sleep(400 * time.Millisecond)
		comes := mustCome(t, h, "203.0.113.4")
		if oldest.Ended() != wsroom.TooManyConnections || next.Ended() != nil || member.Ended() != nil {
			t.Error("want the oldest of those who wait sent away, and nobody else")
		}
		if _, _, err := oldest.Join("1"); !errors.Is(err, wsroom.ErrUnavailable) {
			t.Errorf("who was sent away comes in: %v", err)
		}
		wantFull(t, h, "203.0.113.5")
		if counts.Get("refused waiting") != 1 || counts.Get("refused connections") != 2 {
			t.Errorf("counted %v", counts)
		}
		if _, _, err := comes.Join("1"); err != nil {
			t.Error(err)
		}
		if stats := h.Stats(); stats.Members != 2 || stats.Waiting != 1 || stats.Protocols["ws"] != 4 {
			t.Errorf("%+v", stats)
		}
		oldest.Leave()
		if h.Stats().Protocols["ws"] != 3 {
			t.Errorf("%+v", h.Stats())
		}
		wantFull(t, h, "203.0.113.5") // whose place was taken when it was sent away, and not when it left
		comes.Leave()
		mustCome(t, h, "203.0.113.5")
	})
}

func TestWhoHasPartedWaitsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := guarded(wsroom.Limits{Connections: 2})
		parted, _ := join(t, h, "1")
		oldest := mustCome(t, h, "203.0.113.1")
		time.Sleep(time.Hour)
		parted.Part()
		mustCome(t, h, "203.0.113.2")
		if oldest.Ended() == nil || parted.Ended() != nil {
			t.Error("want the one that waits for an hour sent away")
		}
		wantFull(t, h, "203.0.113.3")
	})
}

func TestAQuarterOfALargeHubMayWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, counts := guarded(wsroom.Limits{Connections: 8000})
		var waiting []*wsroom.Member
		for range 2000 {
			waiting = append(waiting, mustCome(t, h, "203.0.113.1"))
		}
		wantFull(t, h, "203.0.113.1")
		if counts.Get("refused waiting") != 1 {
			t.Errorf("counted %v", counts)
		}
		time.Sleep(time.Second)
		for i := range 1000 {
			mustCome(t, h, "203.0.113.1")
			if waiting[i].Ended() == nil || waiting[i+1].Ended() != nil {
				t.Fatalf("want number %d sent away, and not the next", i)
			}
		}
		wantFull(t, h, "203.0.113.1") // a thousand are being told already
		waiting[0].Leave()
		mustCome(t, h, "203.0.113.1")
		if waiting[1000].Ended() == nil || counts.Get("refused waiting") != 1003 {
			t.Errorf("counted %v", counts)
		}
	})
}

// A hub that ends waits for those, too, that it has sent away.
func TestADrainWaitsForWhoWasSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := guarded(wsroom.Limits{Connections: 1})
		oldest := mustCome(t, h, "203.0.113.1")
		time.Sleep(time.Second)
		mustCome(t, h, "203.0.113.2").Leave()
		drained := make(chan error, 1)
		go func() { drained <- h.Drain(t.Context(), 0) }()
		synctest.Wait()
		select {
		case err := <-drained:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		oldest.Leave()
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

func TestNobodyIsAdmittedToAHubThatIsNotOpen(t *testing.T) {
	h := wsroom.NewHub(wsroom.HubConfig{})
	if _, err := come(h, "203.0.113.1"); !errors.Is(err, wsroom.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	h.Open(0, "1-0")
	m := new(wsroom.Member)
	if err := h.Admit(m, addrOf("203.0.113.1")); err != nil {
		t.Fatal(err)
	}
	h.Refuse()
	if err := h.Attach(m, wsroom.Plain, &sink{}); !errors.Is(err, wsroom.ErrDraining) {
		t.Errorf("got %v", err)
	}
	m.Leave()
	if stats := h.Stats(); len(stats.Protocols) != 0 || strings.Contains(fmt.Sprint(stats.Protocols), "-") {
		t.Errorf("%+v", stats)
	}
}
