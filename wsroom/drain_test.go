package wsroom_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

func TestDrainClosesEvenlySpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		const n = 200
		closed := make(chan time.Time, n)
		for range n {
			r := s.join("1").read()
			go func() {
				if err := <-r.ended; websocket.CloseStatus(err) != 1012 {
					t.Errorf("want 1012, got %v", err)
				}
				closed <- time.Now()
			}()
		}
		began := time.Now()
		if err := s.Hub.Drain(t.Context(), 20*time.Second); err != nil {
			t.Fatal(err)
		}
		perSecond := map[int]int{}
		for range n {
			perSecond[int((<-closed).Sub(began)/time.Second)]++
		}
		for second := range 20 {
			if got := perSecond[second]; got != n/20 {
				t.Errorf("second %d: want %d closed, got %d", second, n/20, got)
			}
		}
	})
}

func TestRefuseTakesNobodyNewAndEndsNobody(t *testing.T) {
	s := listen(t)
	member := s.join("1")
	s.Hub.Refuse()
	s.connect("").wantEnd(1012, "restart")
	s.Publish("1", `{}`)
	member.wantEvents(101)
	if s.Hub.Stats().Available {
		t.Error("available")
	}
}

func TestDrainFlushesRefusesAndEndsWhoHasNotJoined(t *testing.T) {
	s := listen(t)
	member, undecided := s.join("1"), s.connect("")
	roomtest.Eventually(t, "attached", func() bool { return s.Hub.Stats().Waiting == 1 })
	s.Publish("1", `{}`)
	member.wantEvents(101) // live now: the welcome comes a moment before, and who is not live yet has nothing flushed
	for range 100 {
		s.Publish("1", `{}`)
	}
	drained := make(chan error)
	go func() { drained <- s.Hub.Drain(t.Context(), 0) }()
	undecided.wantEnd(1012, "restart")
	for seq := int64(102); seq <= 201; seq++ {
		member.wantEvents(seq)
	}
	member.wantEnd(1012, "restart")
	if err := <-drained; err != nil {
		t.Error(err)
	}
	s.connect("", "Authorization: Bearer 1").wantEnd(1012, "restart")
}

// The token comes when the hub is draining already.
func TestDrainEndsWhoIsAboutToJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		c := s.connect("")
		r := c.read()
		synctest.Wait()
		member := s.join("1").read()
		go func() { _ = s.Hub.Drain(t.Context(), time.Minute) }()
		synctest.Wait()
		if f := r.want(t, "error"); f.Code != "restart" {
			t.Errorf("want restart at once, got %+v", f)
		}
		if f := member.want(t, "error"); f.Code != "restart" { // the only member is the first of the spread
			t.Errorf("want restart, got %+v", f)
		}
	})
}

func TestDrainWithNobodyHereReturnsAtOnce(t *testing.T) {
	h := openHub(wsroom.HubConfig{})
	if err := h.Drain(t.Context(), time.Hour); err != nil {
		t.Error(err)
	}
}

func TestDrainCutsWhoIsLeftWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		rawDial(t, s, "1") // never reads
		s.Publish("1", `{}`)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := s.Hub.Drain(ctx, time.Second)
		if err == nil || !strings.Contains(err.Error(), "1 connections left") {
			t.Errorf("want one left, got %v", err)
		}
		time.Sleep(3 * time.Second) // the second that a write under way has, and the linger
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 0 {
			t.Errorf("want it cut, got %d members", members)
		}
	})
}

func TestResyncClosesWith1012(t *testing.T) {
	s := listen(t)
	c := s.join("1")
	s.Hub.Resync(50, "2-50")
	c.wantEnd(1012, "resync")
	fresh := s.connect("", "Authorization: Bearer 1")
	if got := fresh.want("welcome").Cursor; got != "2-50" {
		t.Errorf("want 2-50, got %s", got)
	}
	s.Follow(50)
	s.Publish("1", `{}`)
	fresh.wantEvents(51)
}
