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

// reading reads everything in the background, so that pings are answered, and keeps the frames.
type reading struct {
	frames chan frame
	ended  chan error
}

func (c *client) read() *reading {
	r := &reading{frames: make(chan frame, 1000), ended: make(chan error, 1)}
	go func() {
		for {
			f, err := c.next()
			if err != nil {
				r.ended <- err
				return
			}
			r.frames <- f
		}
	}()
	return r
}

func (r *reading) want(t *testing.T, kind string) frame {
	t.Helper()
	synctest.Wait()
	select {
	case f := <-r.frames:
		if f.Type != kind {
			t.Fatalf("want a frame of type %q, got %+v", kind, f)
		}
		return f
	default:
		t.Fatalf("want a frame of type %q, got none", kind)
		return frame{}
	}
}

func (r *reading) wantNothing(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case f := <-r.frames:
		t.Fatalf("want no frame, got %+v", f)
	case err := <-r.ended:
		t.Fatalf("want the connection open, got %v", err)
	default:
	}
}

func TestTheTokensEndIsAnnouncedAMinuteBeforeAndKeptToTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		r := s.join("1/5m").read()
		time.Sleep(4*time.Minute - time.Nanosecond)
		r.wantNothing(t)
		time.Sleep(time.Nanosecond)
		if got, want := r.want(t, "expiring").ExpiresAt, began.Add(5*time.Minute).UTC().Format(time.RFC3339); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		r.wantNothing(t)
		time.Sleep(time.Nanosecond)
		if f := r.want(t, "error"); f.Code != "token_expired" {
			t.Errorf("want token_expired, got %+v", f)
		}
		if err := <-r.ended; websocket.CloseStatus(err) != 4401 {
			t.Errorf("want 4401, got %v", err)
		}
	})
}

// At once would have a client that renews for another short token turn in circles.
func TestAShortTokenIsAnnouncedAtHalfOfItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := listenPipes(t).join("1/30s").read()
		time.Sleep(15*time.Second - time.Nanosecond)
		r.wantNothing(t)
		time.Sleep(time.Nanosecond)
		r.want(t, "expiring")
	})
}

func TestRenewalInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		c := s.join("1/2m")
		r := c.read()
		time.Sleep(time.Minute)
		r.want(t, "expiring")
		c.send(`{"type":"auth","token":"1/10m"}`)
		if got, want := r.want(t, "renewed").ExpiresAt, time.Now().Add(10*time.Minute).UTC().Format(time.RFC3339); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
		s.Publish("1", `{}`)
		if f := r.want(t, "event"); f.ID != "1-101" {
			t.Errorf("want the stream to go on, got %+v", f)
		}
		time.Sleep(9*time.Minute - time.Nanosecond)
		r.wantNothing(t)
		time.Sleep(time.Nanosecond)
		r.want(t, "expiring")
		time.Sleep(time.Minute)
		if f := r.want(t, "error"); f.Code != "token_expired" {
			t.Errorf("want token_expired, got %+v", f)
		}
	})
}

func TestARenewalThatIsRefusedEndsTheConnection(t *testing.T) {
	s := listen(t)
	tests := []struct {
		token     string
		closeCode int
		code      string
	}{
		{"2", 4403, "account_forbidden"},
		{"bad", 4401, "token_invalid"},
		{"expired", 4401, "token_expired"},
		{"nokeys", 1013, "keys_unavailable"},
	}
	for _, test := range tests {
		c := s.join("1")
		c.send(`{"type":"auth","token":%q}`, test.token)
		c.wantEnd(test.closeCode, test.code)
	}
}

func TestTheServerPingsAndAnyByteIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, func(_ *wsroom.HubConfig, c *wsroom.HandlerConfig) { c.CursorRefresh = 24 * time.Hour })
		pings := 0
		conn, _, err := websocket.Dial(t.Context(), s.url, &websocket.DialOptions{
			HTTPClient:     s.dial.Client(),
			HTTPHeader:     map[string][]string{"Authorization": {"Bearer 1"}},
			OnPingReceived: func(context.Context, []byte) bool { pings++; return true },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		c := &client{t, conn}
		c.want("welcome")
		r := c.read()
		time.Sleep(10*time.Minute - time.Second)
		r.wantNothing(t)
		if pings != 23 { // 599 s / 25 s
			t.Errorf("want 23 pings, got %d", pings)
		}
	})
}

func TestAPeerThatDoesNotAnswerIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		conn := rawDial(t, s, "1")
		began := time.Now()
		go func() { // reads, and never answers
			var buf [1024]byte
			for {
				if _, err := conn.Read(buf[:]); err != nil {
					return
				}
			}
		}()
		time.Sleep(45*time.Second - time.Nanosecond)
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 1 {
			t.Fatalf("want it here until %v, got %d members", 45*time.Second, members)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 0 {
			t.Errorf("want it gone after %v, got %d members", time.Since(began), members)
		}
		if s.Counts.Get("closed 1006") != 1 {
			t.Error("want one close with 1006")
		}
	})
}

// A timeout longer than the interval: the pings after the one that is not answered do not put its end off.
func TestATimeoutMayBeLongerThanTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, func(_ *wsroom.HubConfig, c *wsroom.HandlerConfig) {
			c.PingInterval, c.PingTimeout = 10*time.Second, 35*time.Second
		})
		conn := rawDial(t, s, "1")
		go func() { // answers the first three pings
			var buf [1024]byte
			for i := 0; ; i++ {
				if _, err := conn.Read(buf[:]); err != nil {
					return
				}
				if i < 3 {
					_, _ = conn.Write([]byte{0x8a, 0x80, 0, 0, 0, 0})
				}
			}
		}()
		time.Sleep(74 * time.Second)
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 1 {
			t.Fatalf("want it here until the fourth ping's 75s, got %d members", members)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 0 {
			t.Errorf("want it gone, got %d members", members)
		}
	})
}

// Nothing is buffered in a pipe, so a client that does not read holds the ping up: the write deadline judges it.
func TestAMutePeerIsCutByTheWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		rawDial(t, s, "1")
		s.Publish("1", `{}`)
		time.Sleep(10*time.Second - time.Nanosecond)
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 1 {
			t.Fatalf("want it here, got %d members", members)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 0 {
			t.Errorf("want it gone, got %d members", members)
		}
	})
}

// After our close frame a peer has two seconds.
func TestAPeerThatDoesNotAnswerTheCloseIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		conn := rawDial(t, s, "1/1m")
		var got []byte
		done := make(chan struct{})
		go func() {
			defer close(done)
			var buf [1024]byte
			for {
				n, err := conn.Read(buf[:])
				got = append(got, buf[:n]...)
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte{0x8a, 0x80, 0, 0, 0, 0}) // alive, but deaf to close frames
			}
		}()
		time.Sleep(time.Minute + 2*time.Second - time.Nanosecond)
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 1 {
			t.Fatalf("want it lingering, got %d members", members)
		}
		time.Sleep(time.Nanosecond)
		<-done
		if !strings.Contains(string(got), "token_expired") {
			t.Errorf("want the reason, got %q", got)
		}
	})
}

func TestIdleConnectionsGetTheSettledCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		r := s.join("1").read()
		time.Sleep(3*time.Minute + time.Second)
		r.wantNothing(t) // it has not moved
		s.Publish("2", `{}`)
		time.Sleep(3 * time.Minute)
		if got := r.want(t, "cursor").Cursor; got != "1-101" {
			t.Errorf("want 1-101, got %s", got)
		}
		time.Sleep(3 * time.Minute)
		r.wantNothing(t) // nor now
		s.Hub.Claim(102, "1-102")
		time.Sleep(3 * time.Minute)
		r.wantNothing(t) // claimed is not published
		s.Hub.Publish("1", "1-102", 102, roomtest.EventName, []byte(`{}`))
		s.Hub.Settle(103, "1-103")
		r.want(t, "event")
		time.Sleep(3 * time.Minute)
		r.wantNothing(t) // it was not idle
		time.Sleep(3 * time.Minute)
		if got := r.want(t, "cursor").Cursor; got != "1-103" {
			t.Errorf("want 1-103, got %s", got)
		}
	})
}
