package socketio_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom/internal/roomtest"
)

// wantCut wants the connection lost, without a close frame.
func (w *wire) wantCut() {
	w.t.Helper()
	if _, raw, err := w.conn.Read(w.t.Context()); err == nil {
		w.t.Fatalf("want a cut, got %q", raw)
	}
}

// wantAlone waits until a server has nothing of the session any more, and no WebSocket that wanted it.
func (s *server) wantAlone() {
	s.t.Helper()
	roomtest.Eventually(s.t, "nobody", func() bool { stats := s.Hub.Stats(); return stats.Members+stats.Waiting == 0 })
}

func TestASecondWebSocketElsewhereIsTurnedAwayAndTheFirstUnharmed(t *testing.T) {
	c := gather(t, 3)
	a, b, d := c.servers[0], c.servers[1], c.servers[2]
	p, _ := a.joinPoll("1")
	w := p.at(b).dialProbe()
	for _, s := range c.servers {
		p.at(s).dialProbe().wantClose(1008, "protocol_violated")
	}
	w.send("2probe")
	w.want("3probe")
	w.send("5")
	seq := c.publish(`{}`)
	w.want(eventFrame(seq, `{}`))
	p.at(b).dialProbe().wantClose(1008, "protocol_violated")
	for _, s := range []*server{a, d} {
		if _, status, err := s.dialWire(p.sid()); err == nil || status != 400 {
			t.Errorf("%d, %v", status, err)
		}
	}
	w.send(`421["x"]`)
	w.want("431[]")
}

func TestAWebSocketElsewhereDoesNotHarmTheProbeAtHome(t *testing.T) {
	c := gather(t, 2)
	p, _ := c.servers[0].joinPoll("1")
	w := p.dialProbe()
	p.at(c.servers[1]).dialProbe().wantClose(1008, "protocol_violated")
	w.send("2probe")
	w.want("3probe")
	w.send("5")
	seq := c.publish(`{}`)
	w.want(eventFrame(seq, `{}`))
	if c.peers[1].counts.Get("refused") != 1 {
		t.Errorf("counted %v", &c.peers[1].counts)
	}
}

// Whatever ends a probe before its client has completed the upgrade, the session goes on polling and may be probed again.
func TestAProbeElsewhereThatFailsLeavesTheSessionPolling(t *testing.T) {
	cases := map[string]func(c *cluster, w *wire){
		"closed before the probe": func(_ *cluster, w *wire) { w.conn.CloseNow() },
		"not a probe":             func(_ *cluster, w *wire) { w.send("4x"); w.wantCut() },
		"the upgrade at once":     func(_ *cluster, w *wire) { w.send("5"); w.wantCut() },
		"closed after the probe": func(_ *cluster, w *wire) {
			w.send("2probe")
			w.want("3probe")
			w.conn.CloseNow()
		},
		"another packet": func(_ *cluster, w *wire) {
			w.send("2probe")
			w.want("3probe")
			w.send("42[\"x\"]")
			w.wantCut()
		},
		"its server dies before the probe": func(c *cluster, w *wire) { c.peers[1].cut(); w.wantCut() },
		"its server dies after the probe": func(c *cluster, w *wire) {
			w.send("2probe")
			w.want("3probe")
			c.peers[1].cut()
			w.wantCut()
		},
		"its server closes": func(c *cluster, w *wire) {
			w.send("2probe")
			w.want("3probe")
			if err := c.servers[1].Hub.Drain(w.t.Context(), 0); err != nil {
				w.t.Error(err)
			}
			w.wantClose(1012, "restart")
		},
	}
	for name, fail := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := gather(t, 3)
			a, b, d := c.servers[0], c.servers[1], c.servers[2]
			p, _ := a.joinPoll("1")
			fail(c, p.at(b).dialProbe())
			b.wantAlone()
			roomtest.Eventually(t, "the probe to be over", func() bool { return !goroutineIn("(*Session).serveMove(") })
			if c.peers[1].counts.Get("failed") != 1 {
				t.Errorf("counted %v", &c.peers[1].counts)
			}
			seq := c.publish(`{"id":1}`)
			p.at(d).get(200, eventFrame(seq, `{"id":1}`))
			w := p.at(d).upgrade()
			w.send("5")
			seq = c.publish(`{"id":2}`)
			w.want(eventFrame(seq, `{"id":2}`))
			a.wantAlone()
		})
	}
}

// A session that ends where it polls is not to be had any more: its WebSocket hears of that at once, and not when its time is over.
func TestASessionThatEndsTakesItsProbeElsewhereAlong(t *testing.T) {
	for name, step := range map[string]func(w *wire){
		"before it": func(*wire) {},
		"during it": func(w *wire) { w.send("2probe"); w.want("3probe") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := gatherPipes(t)
				p, _ := c.servers[0].joinPoll("1")
				w := p.at(c.servers[1]).dialProbe()
				step(w)
				began := time.Now()
				p.post(400, "abc")
				w.wantCut()
				if after := time.Since(began); after != 0 {
					t.Errorf("after %v", after)
				}
				synctest.Wait()
				for _, s := range c.servers {
					if stats := s.Hub.Stats(); stats.Members+stats.Waiting != 0 {
						t.Errorf("%+v", stats)
					}
				}
			})
		})
	}
}

// Between the owner's letting go and the other's hearing of it the session is nobody's.
func TestASessionWhoseHandOverIsLostIsOver(t *testing.T) {
	c := gather(t, 2)
	p, g := c.servers[0].joinPoll("1")
	c.peers[1].loseAnswer = true
	w := p.at(c.servers[1]).upgrade()
	w.send("5")
	w.wantCut()
	c.servers[0].wantAlone()
	c.servers[1].wantAlone()
	p.get(400, unknownSession)
	missed := c.publish(`{}`)
	again, greeted := c.servers[1].rejoin("1", g.Pid, "")
	if greeted.Pid != g.Pid {
		t.Error("not recovered")
	}
	again.want(eventFrame(missed, `{}`))
}

func TestAMoveThatIsNeverCompletedIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gatherPipes(t)
		p, _ := c.servers[0].joinPoll("1")
		began := time.Now()
		w := p.at(c.servers[1]).upgrade()
		w.wantCut()
		if after := time.Since(began); after != 10*time.Second {
			t.Errorf("after %v", after)
		}
		synctest.Wait()
		p.get(200, "2")
	})
}

// An answer that is under way when the client completes the upgrade is waited for. If it does not arrive, nobody may take it for delivered.
func TestAHandOverWaitsForTheAnswersUnderWay(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := gatherPipes(t)
			a, b := c.servers[0], c.servers[1]
			p, _ := a.joinPoll("1")
			first := c.publish(`{"id":1}`)
			slow, err := a.dial(t.Context(), "tcp", "")
			if err != nil {
				t.Fatal(err)
			}
			defer slow.Close()
			fmt.Fprintf(slow, "GET /socket.io/%s HTTP/1.1\r\nHost: x\r\n\r\n", p.query)
			synctest.Wait() // it is answered, and the answer not taken
			w := p.at(b).upgrade()
			w.send("5")
			second := c.publish(`{"id":2}`)
			synctest.Wait()
			if a.Hub.Stats().Members != 1 || b.Hub.Stats().Members != 0 {
				t.Errorf("it did not wait: %+v, %+v", a.Hub.Stats(), b.Hub.Stats())
			}
			p.get(400, unknownSession) // and no other begins
			if !arrives {
				slow.Close()
				w.wantCut()
				return
			}
			if got := readAnswer(t, slow); got.status != 200 || got.body != eventFrame(first, `{"id":1}`) {
				t.Errorf("%+v", got)
			}
			w.want(eventFrame(second, `{"id":2}`))
		})
	}
}

func TestAServerThatTakesNobodyTakesNoSessions(t *testing.T) {
	c := gather(t, 2)
	p, _ := c.servers[0].joinPoll("1")
	c.servers[1].Hub.Suspend()
	if _, status, err := p.at(c.servers[1]).dialWire(p.sid()); err == nil || status != 503 {
		t.Errorf("%d, %v", status, err)
	}
	if c.peers[1].sent("move") != 0 {
		t.Error("and has asked for it")
	}
	seq := c.publish(`{}`)
	p.get(200, eventFrame(seq, `{}`))
	p.post(200, "1")
}

func TestTokensAreInNoLogOfAMove(t *testing.T) {
	c := gather(t, 2)
	p := c.servers[0].openPoll()
	p.post(200, `40{"token":"cl1nic-with-a-name/1h"}`)
	p.get(200, "")
	w := p.at(c.servers[1]).upgrade()
	w.send("5")
	roomtest.Eventually(t, "in its room again", func() bool { return c.servers[1].Hub.Stats().Rooms == 1 })
	w.send("1")
	w.wantClose(1000, "left")
	roomtest.Eventually(t, "the log has the session", func() bool { return strings.Contains(c.servers[1].Record.String(), `"cl1nic-with-a-name"`) })
	for _, s := range c.servers {
		if strings.Contains(s.Record.String(), "/1h") {
			t.Error(s.Record)
		}
	}
}
