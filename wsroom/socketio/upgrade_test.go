package socketio_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom/internal/roomtest"
)

// sid is the part of the query that names the session.
func (p *poller) sid() string { return p.query[strings.Index(p.query, "&sid="):] }

// dialProbe opens the WebSocket of an upgrade.
func (p *poller) dialProbe() *wire {
	p.t.Helper()
	w, _, err := p.dialWire(p.sid())
	if err != nil {
		p.t.Fatalf("dial: %v", err)
	}
	return w
}

func TestUpgradeByHand(t *testing.T) {
	s := listen(t)
	p, _ := s.joinPoll("1")
	held := p.hold()
	w := p.dialProbe()
	w.send("2probe")
	w.want("3probe")
	if a := <-held; a.status != 200 || a.body != "6" {
		t.Fatalf("the held GET: %+v", a)
	}
	p.get(200, "6") // as long as the upgrade is not complete
	between := s.Publish("1", `{"id":1}`)
	w.send("5")
	w.want(eventFrame(between, `{"id":1}`)) // what was queued meanwhile
	p.get(400, `{"code":1,"message":"Session ID unknown"}`)
	w.send(`421["x"]`)
	w.want("431[]")
	p.post(400, "3")
	after := s.Publish("1", `{"id":2}`)
	w.want(eventFrame(after, `{"id":2}`))
	w.send("1")
	w.wantClose(1000, "left")
}

func TestAGETBetweenTheProbeAndItsCompletionWaitsALittle(t *testing.T) {
	s := listen(t)
	p, _ := s.joinPoll("1")
	w := p.dialProbe()
	w.send("2probe")
	w.want("3probe")
	held := p.hold()
	w.send("5")
	w.send(`421["right behind"]`)
	if a := <-held; a.status != 400 {
		t.Errorf("%+v", a)
	}
	w.want("431[]")
}

func TestASecondWebSocketIsTurnedAwayAndTheFirstUnharmed(t *testing.T) {
	p, _ := listen(t).joinPoll("1")
	w := p.dialProbe()
	for _, when := range []string{"during the probe", "after the upgrade"} {
		second, _, err := p.dialWire(p.sid())
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		second.wantClose(1008, "protocol_violated")
		if when == "during the probe" {
			w.send("2probe")
			w.want("3probe")
			w.send("5")
		}
		w.send(`421["x"]`)
		w.want("431[]")
	}
}

func TestProbesThatFailLeaveThePollingUnharmed(t *testing.T) {
	for name, fail := range map[string]func(*wire){
		"closed":            func(w *wire) { _ = w.conn.CloseNow() },
		"closed when asked": func(w *wire) { w.send("2probe"); w.want("3probe"); _ = w.conn.CloseNow() },
		"not a probe":       func(w *wire) { w.send("4hello") },
		"completed unasked": func(w *wire) { w.send("5") },
		"never completed":   func(w *wire) { w.send("2probe"); w.want("3probe") },
		"silent":            func(*wire) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := listenPipes(t)
				p, _ := s.joinPoll("1")
				fail(p.dialProbe())
				time.Sleep(11 * time.Second)
				seq := s.Publish("1", `{"id":1}`)
				p.get(200, eventFrame(seq, `{"id":1}`))
				p.get(200, "2")
				w := p.dialProbe() // and may be tried again
				w.send("2probe")
				w.want("3probe")
				w.send("5")
				seq = s.Publish("1", `{"id":2}`)
				w.want(eventFrame(seq, `{"id":2}`))
			})
		})
	}
}

func TestNothingIsLostOrDoubledByAnUpgradeUnderLoad(t *testing.T) {
	for round := range 20 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			s := listen(t)
			p, _ := s.joinPoll("1")
			total := 0
			publish := func(n int) {
				for range n {
					s.Publish("1", fmt.Sprintf(`{"id":%d}`, total))
					total++
				}
			}
			var frames []string
			poll := func() {
				if a := p.must("GET", p.query, ""); a.body != "6" {
					frames = append(frames, strings.Split(a.body, "\x1e")...)
				}
			}
			for range round {
				publish(5)
				poll()
			}
			published := make(chan struct{})
			go func() {
				defer close(published)
				publish(200)
			}()
			w := p.dialProbe()
			w.send("2probe")
			if round%2 == 0 {
				poll()
			}
			w.want("3probe")
			w.send("5")
			<-published
			for len(frames) < total {
				frames = append(frames, w.next())
			}
			for i, frame := range frames {
				if want := eventFrame(int64(101+i), fmt.Sprintf(`{"id":%d}`, i)); frame != want {
					t.Fatalf("frame %d: %s", i, frame)
				}
			}
		})
	}
}

func TestASessionThatEndsDuringAProbeTakesItAlong(t *testing.T) {
	s := listen(t)
	p, _ := s.joinPoll("1")
	w := p.dialProbe()
	w.send("2probe")
	w.want("3probe")
	p.post(400, "abc")
	if _, _, err := w.conn.Read(t.Context()); err == nil {
		t.Error("the probe is still there")
	}
	roomtest.Eventually(t, "gone", func() bool { return s.Hub.Stats().Members == 0 })
}

func TestPingsOfTheWebSocketAreAnswered(t *testing.T) {
	s := listen(t)
	p, _ := s.joinPoll("1")
	direct, _ := s.join("1")
	for name, w := range map[string]*wire{"during a probe": p.dialProbe(), "on a session": direct} {
		ctx := w.conn.CloseRead(t.Context())
		if err := w.conn.Ping(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
