package socketio_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

func TestAnUpgradeElsewhereByHand(t *testing.T) {
	c := gather(t, 3)
	a, b, d := c.servers[0], c.servers[1], c.servers[2]
	p, _ := a.joinPoll("1")
	held := p.at(d).hold()
	w := p.at(b).upgrade()
	if got := <-held; got.status != 200 || got.body != "6" {
		t.Fatalf("the held GET: %+v", got)
	}
	p.at(d).get(200, "6") // as long as the upgrade is not complete
	between := c.publish(`{"id":1}`)
	w.send("5")
	w.send(`421["right behind"]`)
	got := map[string]bool{w.next(): true, w.next(): true} // the log is asked for the first, while the second is at hand
	if !got[eventFrame(between, `{"id":1}`)] || !got["431[]"] {
		t.Fatalf("got %v", got)
	}
	for _, s := range c.servers {
		p.at(s).get(400, unknownSession)
		p.at(s).post(400, "3")
	}
	if a.Hub.Stats().Members+a.Hub.Stats().Waiting != 0 || b.Hub.Stats().Members != 1 {
		t.Errorf("the session is at %+v and %+v", a.Hub.Stats(), b.Hub.Stats())
	}
	after := c.publish(`{"id":2}`)
	w.want(eventFrame(after, `{"id":2}`))
	w.send("1")
	w.wantClose(1000, "left")
	roomtest.Eventually(t, "gone", func() bool { return b.Hub.Stats().Members == 0 })
	if strings.Contains(a.Record.String(), "connection_closed") || strings.Count(b.Record.String(), "connection_closed") != 1 {
		t.Errorf("a move is no end:\n%s\n%s", a.Record, b.Record)
	}
	if b.Counts.Get("closed 1000") != 1 || c.peers[1].counts.Get("moved") != 1 || b.Counts.Get("replayed recovered") != 0 {
		t.Errorf("counted %v, %v", b.Counts, &c.peers[1].counts)
	}
}

// stages are how far a session may be when it moves, and what the client is then told at the other server.
func TestASessionMovesAtAnyStage(t *testing.T) {
	binary := `451-7["file",{"_placeholder":true,"num":0}]`
	cases := []struct {
		name   string
		before func(c *cluster, p *poller)
		after  func(c *cluster, w *wire)
	}{
		{"before CONNECT", func(*cluster, *poller) {}, func(_ *cluster, w *wire) {
			w.send(`40{"token":"1"}`)
			w.greeted()
		}},
		{"while its token is verified", func(_ *cluster, p *poller) {
			p.post(200, `40{"token":"stuck"}`)
		}, func(_ *cluster, w *wire) { w.greeted() }},
		{"with its welcome queued", func(_ *cluster, p *poller) {
			p.post(200, `40{"token":"1"}`)
			roomtest.Eventually(p.t, "in its room", func() bool { return p.Counts.Get("joined socketio") == 1 })
		}, func(_ *cluster, w *wire) { w.greeted() }},
		{"with the token of the opening request", func(c *cluster, p *poller) {
			opened := c.servers[0].must("GET", "?EIO=4&transport=polling", "", "Authorization: Bearer 1")
			sid, _, _ := strings.Cut(strings.TrimPrefix(opened.body, `0{"sid":"`), `"`)
			p.post(200, "1") // the other one is the session
			p.query = "?EIO=4&transport=polling&sid=" + sid
		}, func(_ *cluster, w *wire) {
			w.send(`40`)
			w.greeted()
		}},
		{"with a refusal queued", func(_ *cluster, p *poller) {
			p.post(200, `40{"token":"token_invalid"}`)
			roomtest.Eventually(p.t, "refused", func() bool { return strings.Contains(p.Record.String(), "connect_refused") })
		}, func(_ *cluster, w *wire) {
			if got := w.next(); !strings.HasPrefix(got, "44{") {
				w.t.Errorf("got %s", got)
			}
			w.send(`40{"token":"1"}`)
			w.greeted()
		}},
		{"after DISCONNECT", func(_ *cluster, p *poller) {
			p.post(200, `40{"token":"1"}`)
			p.get(200, "")
			p.post(200, "41")
		}, func(_ *cluster, w *wire) {
			w.send(`40{"token":"1"}`)
			w.greeted()
		}},
		{"with an acknowledgement queued", func(_ *cluster, p *poller) {
			p.post(200, `40{"token":"1"}`)
			p.get(200, "")
			p.post(200, `423["question"]`)
		}, func(_ *cluster, w *wire) { w.want("433[]") }},
		{"with half of a packet received", func(_ *cluster, p *poller) {
			p.post(200, `40{"token":"1"}`)
			p.get(200, "")
			p.post(200, binary)
		}, func(_ *cluster, w *wire) {
			w.sendBinary("file")
			w.want("437[]")
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := gather(t, 2)
			p := c.servers[0].openPoll()
			tc.before(c, p)
			w := p.at(c.servers[1]).upgrade()
			w.send("5")
			tc.after(c, w)
			seq := c.publish(`{"id":1}`)
			w.want(eventFrame(seq, `{"id":1}`))
		})
	}
}

// The client has had everything up to some event, and lacks what follows; each of the servers may know less of the log than the other.
func TestWhatWasQueuedOrPublishedMeanwhileIsNeitherLostNorDoubled(t *testing.T) {
	cases := []struct {
		name     string
		atA, atB int // how many of the ten events each server has read, when the session moves
		polled   bool
	}{
		{"both know all, nothing polled", 10, 10, false},
		{"both know all, all polled", 10, 10, true},
		{"the new one lags, nothing polled", 10, 3, false},
		{"the new one lags behind what the client has had", 10, 3, true},
		{"the new one knows nothing", 10, 0, true},
		{"the new one is ahead", 3, 10, true},
		{"the new one is ahead, nothing polled", 3, 10, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := gather(t, 2)
			a, b := c.servers[0], c.servers[1]
			p, _ := a.joinPoll("1")
			for id := range 10 {
				c.publish(fmt.Sprintf(`{"id":%d}`, id), nobody...)
			}
			a.Read(100 + int64(tc.atA))
			b.Read(100 + int64(tc.atB))
			next := 0
			if tc.polled {
				frames := strings.Split(p.at(b).must("GET", p.query, "").body, "\x1e")
				for ; next < len(frames); next++ {
					wantEvent(t, frames[next], next)
				}
				if next != tc.atA {
					t.Fatalf("%d events by polling", next)
				}
			}
			w := p.at(b).upgrade()
			w.send("5")
			upTo := max(tc.atB, next)
			for ; next < upTo; next++ {
				wantEvent(t, w.next(), next)
			}
			a.Read(110)
			b.Read(110)
			for ; next < 10; next++ {
				wantEvent(t, w.next(), next)
			}
			c.publish(`{"id":10}`)
			wantEvent(t, w.next(), 10)
		})
	}
}

// nobody reads what is published.
var nobody = []*server{{Place: roomtest.NewPlace(wsroom.HubConfig{}, &roomtest.Journal{})}}

func wantEvent(t *testing.T, frame string, id int) {
	t.Helper()
	if want := eventFrame(int64(101+id), fmt.Sprintf(`{"id":%d}`, id)); frame != want {
		t.Fatalf("want %s\ngot  %s", want, frame)
	}
}

func TestNothingIsLostOrDoubledByAMoveUnderLoad(t *testing.T) {
	for round := range 10 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			c := gather(t, 2)
			p, _ := c.servers[0].joinPoll("1")
			p = p.at(c.servers[round%2])
			total, next := 0, 0
			publish := func(n int) {
				for range n {
					c.publish(fmt.Sprintf(`{"id":%d}`, total))
					total++
				}
			}
			poll := func() {
				if body := p.must("GET", p.query, "").body; body != "6" {
					for frame := range strings.SplitSeq(body, "\x1e") {
						wantEvent(t, frame, next)
						next++
					}
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
			w := p.at(c.servers[1]).dialProbe()
			w.send("2probe")
			if round%3 == 0 {
				poll()
			}
			w.want("3probe")
			w.send("5")
			<-published
			for ; next < total; next++ {
				wantEvent(t, w.next(), next)
			}
		})
	}
}

func TestASessionWithoutRecoveryMovesAsWell(t *testing.T) {
	c := gather(t, 2, configured(func(c *socketio.Config) { c.NoRecovery = true }))
	p, g := c.servers[0].joinPoll("1")
	if g.Pid != "" {
		t.Errorf("a pid: %+v", g)
	}
	c.publish(`{"id":1}`)
	p.get(200, `42["appointmnents.finished",{"id":1}]`)
	c.publish(`{"id":2}`)
	w := p.at(c.servers[1]).upgrade()
	c.publish(`{"id":3}`)
	w.send("5")
	w.want(`42["appointmnents.finished",{"id":2}]`, `42["appointmnents.finished",{"id":3}]`)
	c.publish(`{"id":4}`)
	w.want(`42["appointmnents.finished",{"id":4}]`)
}

// A replay is told in pieces of 32 KiB, the next when the one before is taken.
func TestASessionMovesInTheMiddleOfAReplay(t *testing.T) {
	c := gather(t, 2)
	before, g := c.servers[0].joinPoll("1")
	before.post(200, "1")
	const total = 200
	data := func(id int) string { return fmt.Sprintf(`{"id":%d,"notes":%q}`, id, strings.Repeat("x", 1000)) }
	for id := range total {
		c.publish(data(id))
	}
	p := c.servers[0].openPoll()
	p.post(200, fmt.Sprintf(`40{"token":"1","pid":%q}`, g.Pid))
	frames := strings.Split(p.must("GET", p.query, "").body, "\x1e")
	if again := parseGreeting(t, frames[0]); again.Pid != g.Pid || len(frames) < 2 || len(frames) > total/2 {
		t.Fatalf("%d frames, the first %s", len(frames), frames[0])
	}
	w := p.at(c.servers[1]).upgrade()
	w.send("5")
	for id := range total {
		var frame string
		if id+1 < len(frames) {
			frame = frames[id+1]
		} else {
			frame = w.next()
		}
		if want := eventFrame(int64(101+id), data(id)); frame != want {
			t.Fatalf("event %d: %.60s", id, frame)
		}
	}
}

func TestASessionThatCannotBeToldEverythingIsCut(t *testing.T) {
	c := gather(t, 2)
	p, _ := c.servers[0].joinPoll("1")
	c.publish(`{}`)
	c.journal.Forget(101)
	w := p.at(c.servers[1]).upgrade()
	w.send("5")
	w.wantClose(1012, "resync")
}

func TestATokenIsVerifiedAgain(t *testing.T) {
	c := gather(t, 2)
	p := c.servers[0].openPoll()
	p.post(200, `40{"token":"1/2s"}`)
	p.get(200, "")
	w := p.at(c.servers[1]).upgrade()
	w.send("5")
	w.wantClose(4401, "token_expired")
}

func TestTimesMoveAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gatherPipes(t)
		began := time.Now()
		p := c.servers[0].openPoll()
		time.Sleep(20 * time.Second)
		w := p.at(c.servers[1]).upgrade()
		w.send("5")
		w.want("2")
		if after := time.Since(began); after != 25*time.Second {
			t.Errorf("ping after %v", after)
		}
		w.send("3")
		w.wantClose(4401, "token_missing")
		if after := time.Since(began); after != 45*time.Second {
			t.Errorf("closed after %v", after)
		}
	})
}

func TestAPingThatWaitsIsSentAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gatherPipes(t)
		p, _ := c.servers[0].joinPoll("1")
		time.Sleep(26 * time.Second)
		w := p.at(c.servers[1]).upgrade()
		w.send("5")
		w.want("2")
		w.send("3")
		began := time.Now()
		w.want("2")
		if after := time.Since(began); after != 25*time.Second {
			t.Errorf("the next after %v", after)
		}
	})
}
