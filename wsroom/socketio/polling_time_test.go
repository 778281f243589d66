package socketio_test

import (
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

// These hold the server to its times while polling, to the millisecond: a timer that is missing, or twice as long, fails one of them. Those of WebSockets are
// in time_test.go, those of requests that a client keeps waiting in slow_test.go and limit_test.go.

// stays wants the session in the hub until an instant after began, and gone then.
func (s *server) stays(began time.Time, until time.Duration) {
	s.t.Helper()
	time.Sleep(time.Until(began.Add(until - time.Millisecond)))
	synctest.Wait()
	if stats := s.Hub.Stats(); stats.Members+stats.Waiting != 1 {
		s.t.Errorf("gone before %v", until)
	}
	time.Sleep(time.Millisecond)
	synctest.Wait()
	if stats := s.Hub.Stats(); stats.Members+stats.Waiting != 0 {
		s.t.Errorf("still there after %v", until)
	}
}

// wantAfter wants the answer of a held GET at an instant.
func wantAfter(t *testing.T, held <-chan answer, began time.Time, after time.Duration, body string) {
	t.Helper()
	if a := <-held; a.body != body || time.Since(began) != after {
		t.Errorf("got %d %q after %v, want %q after %v", a.status, a.body, time.Since(began), body, after)
	}
}

func TestAPingComesToTheHeldGET(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		p, _ := s.joinPoll("1")
		held := p.held()
		time.Sleep(10 * time.Second)
		seq := s.Publish("1", `{"id":1}`)
		wantAfter(t, held, began, 10*time.Second, eventFrame(seq, `{"id":1}`))
		time.Sleep(14 * time.Second)
		wantAfter(t, p.held(), began, 25*time.Second, "2")
		s.stays(began, 45*time.Second) // the GET came before the ping, so it was no answer to it
	})
}

func TestAnyRequestAnswersAPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		p, _ := s.joinPoll("1")
		time.Sleep(44 * time.Second)
		p.get(200, "2")
		wantAfter(t, p.held(), began, 50*time.Second, "2")
		s.stays(began, 70*time.Second)
	})
}

func TestAnEndComesToTheHeldGETAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		p, _ := s.joinPoll("1/10s")
		wantAfter(t, p.held(), began, 10*time.Second, "1")
	})
}

func TestATokenThatIsNotCheckedInTimeIsAnEndToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		p := s.openPoll()
		p.post(200, `40{"token":"hang"}`)
		wantAfter(t, p.held(), began, 10*time.Second, "1")
	})
}

func TestHowLongASessionWaitsToBeToldOfItsEnd(t *testing.T) {
	cases := map[string]struct {
		end   func(p *poller)
		after time.Duration
	}{
		"resync":                {func(p *poller) { p.Hub.Resync(50, roomtest.CursorOf(50)) }, 2 * time.Second},
		"the client's goodbye":  {func(p *poller) { p.post(200, "1") }, 100 * time.Millisecond},
		"the client's fault":    {func(p *poller) { p.post(400, "abc") }, 0},
		"a request that is cut": {func(p *poller) { p.cut() }, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := listenPipes(t)
				p, _ := s.joinPoll("1")
				began := time.Now()
				c.end(p)
				if c.after > 0 {
					s.stays(began, c.after)
					return
				}
				synctest.Wait()
				if s.Hub.Stats().Members != 0 {
					t.Error("it waits")
				}
			})
		})
	}
}

// cut begins a GET and closes its connection when the server holds it.
func (p *poller) cut() {
	conn, _ := p.raw("GET /socket.io/%s HTTP/1.1\r\nHost: x.example\r\n\r\n", p.query)
	synctest.Wait()
	_ = conn.Close()
}

func TestAGETWaitsALittleForTheUpgradeToComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		p, _ := s.joinPoll("1")
		before := p.held()
		w := p.dialProbe()
		began := time.Now()
		w.send("2probe")
		w.want("3probe")
		wantAfter(t, before, began, 0, "6")
		wantAfter(t, p.held(), began, 100*time.Millisecond, "6")
	})
}

func TestAnUpgradeHasTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		p, _ := s.joinPoll("1")
		w := p.dialProbe()
		began := time.Now()
		w.send("2probe")
		w.want("3probe")
		if _, _, err := w.conn.Read(t.Context()); err == nil || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		wantAfter(t, p.held(), began, 25*time.Second, "2")
	})
}

func TestIdlePollersAreToldTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, configured(func(c *socketio.Config) { c.PingInterval = time.Hour }))
		p, _ := s.joinPoll("1")
		began := time.Now()
		s.Publish("2", `{}`)
		wantAfter(t, p.held(), began, 3*time.Minute, `42["$cursor","1-101"]`)
	})
}
