package socketio_test

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom/socketio"
)

func TestPingsAndTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, configured(func(c *socketio.Config) { c.PingInterval, c.PingTimeout = 10*time.Second, 4*time.Second }))
		began := time.Now()
		w, _ := s.join("1")
		for i := range 3 {
			w.want("2")
			if got, want := time.Since(began), time.Duration(i+1)*10*time.Second; got != want {
				t.Errorf("ping %d after %v, want %v", i, got, want)
			}
			time.Sleep(3 * time.Second) // late, but not too late
			w.send("3")
		}
		w.want("2")
		w.wantClose(1001, "ping_timeout")
		if got := time.Since(began); got != 44*time.Second {
			t.Errorf("closed after %v", got)
		}
		synctest.Wait()
		if s.Counts.Get("closed 1006") != 1 {
			t.Error("not counted")
		}
	})
}

func TestASessionLivesNoLongerThanItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		w, _ := s.join("1/10s")
		w.wantClose(4401, "token_expired")
		if got := time.Since(began); got != 10*time.Second {
			t.Errorf("closed after %v", got)
		}
	})
}

func TestIdleClientsAreToldTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, configured(func(c *socketio.Config) { c.PingInterval = time.Hour }))
		w, g := s.join("1")
		began := time.Now()
		for range 5 {
			s.Publish("2", `{}`)
		}
		w.want(`42["$cursor","1-105"]`)
		if got := time.Since(began); got != 3*time.Minute {
			t.Errorf("after %v", got)
		}
		time.Sleep(10 * time.Minute) // nothing has moved
		seq := s.Publish("1", `{"id":1}`)
		w.want(eventFrame(seq, `{"id":1}`))
		s.Journal.Forget(105) // the pid's own cursor is too old by now
		w, again := s.rejoin("1", g.Pid, "1-105")
		if again.Pid != g.Pid {
			t.Error("not recovered")
		}
		w.want(eventFrame(seq, `{"id":1}`))
	})
}

func TestWithoutRecoveryIdleClientsAreToldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, configured(func(c *socketio.Config) { c.NoRecovery, c.PingInterval = true, time.Hour }))
		w, _ := s.join("1")
		s.Publish("2", `{}`)
		time.Sleep(50 * time.Minute)
		s.Publish("1", `{"id":1}`)
		w.want(`42["appointmnents.finished",{"id":1}]`)
	})
}

func TestATokenThatIsNotCheckedInTimeClosesTheTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := listenPipes(t).connect("")
		began := time.Now()
		w.send(`40{"token":"hang"}`)
		w.wantClose(1013, "keys_unavailable")
		if got := time.Since(began); got != 10*time.Second {
			t.Errorf("after %v", got)
		}
	})
}

func TestWhoLeavesWhileItsTokenIsCheckedMayComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		w := s.connect("")
		w.send(`40{"token":"hang"}`)
		synctest.Wait()
		w.send(`41`)
		synctest.Wait()
		w.send(`40{"token":"1"}`)
		w.greeted()
	})
}

func TestAfterADisconnectTheSessionStaysAndIsPinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		w, _ := s.join("1")
		p, _ := s.joinPoll("1")
		w.send("41")
		p.post(200, "41")
		wantAfter(t, p.held(), began, 25*time.Second, "2")
		w.want("2")
		if stats := s.Hub.Stats(); stats.Waiting != 2 || stats.Members != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestAConnectIsWaitedForFortyFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := listenPipes(t, configured(func(c *socketio.Config) { c.PingInterval = time.Hour })).connect("")
		began := time.Now()
		w.wantClose(4401, "token_missing")
		if got := time.Since(began); got != 45*time.Second {
			t.Errorf("after %v", got)
		}
	})
}

func TestAWebSocketThatDoesNotReadIsGivenUp(t *testing.T) {
	impatient := configured(func(c *socketio.Config) { c.PingInterval, c.PingTimeout = 3*time.Second, time.Second })
	cases := map[string]struct {
		opts   []option
		events int
		after  time.Duration
		closed string
	}{
		"it has ten seconds for what is written":  {nil, 1, 10 * time.Second, "closed 1006"},
		"one, if it is evicted":                   {[]option{small(5, 1<<20)}, 10, time.Second, "closed 4408"},
		"a ping that waits behind does not count": {[]option{impatient}, 1, 10 * time.Second, "closed 1006"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := listenPipes(t, c.opts...)
				s.join("1")
				for range c.events {
					s.Publish("1", `{"id":1}`)
					synctest.Wait() // the first is being written
				}
				s.stays(time.Now(), c.after)
				if got := s.Counts.Get(c.closed); got != 1 {
					t.Errorf("counted %d", got)
				}
			})
		})
	}
}

func TestAWebSocketThatDoesNotAnswerTheCloseIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		conn, reads := s.raw("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
		go func() { _, _ = reads.WriteTo(io.Discard) }() // it reads, and says nothing
		synctest.Wait()
		began := time.Now()
		if _, err := conn.Write([]byte("\x81\x81\x00\x00\x00\x002")); err != nil { // a ping, which is not a client's to send
			t.Fatal(err)
		}
		s.stays(began, 2*time.Second)
	})
}
