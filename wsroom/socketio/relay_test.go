package socketio_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

const unknownSession = `{"code":1,"message":"Session ID unknown"}`

func TestPollsReachTheirSessionAtAnyServer(t *testing.T) {
	c := gather(t, 3)
	a, b, d := c.servers[0], c.servers[1], c.servers[2]
	p := a.openPoll()
	if !strings.HasPrefix(p.sid(), "&sid=daemon-0") || len(p.sid()) != len("&sid=daemon-0")+20 {
		t.Errorf("the id does not name its server: %s", p.sid())
	}
	p.at(b).post(200, `40{"token":"1"}`)
	parseGreeting(t, p.at(d).must("GET", p.query, "").body)
	held := p.at(b).hold()
	seq := c.publish(`{"id":1}`)
	answer := <-held
	if answer.status != 200 || answer.body != eventFrame(seq, `{"id":1}`) || answer.header.Get("Cache-Control") != "no-store" ||
		answer.header.Get("Content-Type") != "text/plain; charset=UTF-8" || answer.header.Get("Content-Length") != fmt.Sprint(len(answer.body)) {
		t.Errorf("%+v", answer)
	}
	p.at(d).post(200, `421["question"]`)
	p.get(200, "431[]")
	p.at(b).post(400, "abc")
	p.at(d).get(400, unknownSession)
	roomtest.Eventually(t, "gone", func() bool { return a.Hub.Stats().Members == 0 })
	if len(c.peers[0].errands) != 0 {
		t.Errorf("the owner has passed on %v", c.peers[0].errands)
	}
}

func TestNobodyHearsMoreOfAnotherServersSessionThanOfAnUnknownOne(t *testing.T) {
	c := gather(t, 2)
	b := c.servers[1]
	random := strings.Repeat("x", 20)
	for name, sid := range map[string]string{
		"an owner that never was": "daemon-9" + random, "the owner's word": "daemon-0" + random, "its own": "daemon-1" + random,
		"no owner": random, "too long": "daemon-0" + random + "x", "empty": "daemon-0", "not for a URL": "daemon%2F0" + random,
	} {
		for _, method := range []string{"GET", "POST"} {
			if got := b.must(method, "?EIO=4&transport=polling&sid="+sid, ""); got.status != 400 || got.body != unknownSession {
				t.Errorf("%s, %s: %+v", name, method, got)
			}
		}
		if _, status, err := b.dialWire("&sid=" + sid); err == nil || status != 400 {
			t.Errorf("%s, WebSocket: %d, %v", name, status, err)
		}
	}
	if sent := c.peers[1].errands; len(sent) != 3 { // for the one that a session of its owner could have
		t.Errorf("passed on: %v", sent)
	}
	p := c.servers[0].openPoll()
	for _, request := range [][2]string{{"DELETE", p.query}, {"GET", strings.Replace(p.query, "polling", "websocket", 1)}} {
		if got := b.must(request[0], request[1], ""); got.status != 400 || !strings.Contains(got.body, `"code":3`) {
			t.Errorf("%v: %+v", request, got)
		}
	}
	p.post(200, "1")
}

func TestNothingIsPassedOnTwice(t *testing.T) {
	c := gather(t, 3)
	p := c.servers[0].openPoll()
	for _, errand := range []string{"poll", "move", "lost"} {
		w := httptest.NewRecorder()
		c.servers[1].handler.ServePeer(w, httptest.NewRequestWithContext(t.Context(), "POST", "/engineio/"+errand+"?"+strings.TrimPrefix(p.sid(), "&"), nil))
		if w.Code != 400 || w.Body.String() != unknownSession {
			t.Errorf("%s: %d %s", errand, w.Code, w.Body)
		}
	}
	if len(c.peers[1].errands) != 0 {
		t.Errorf("passed on: %v", c.peers[1].errands)
	}
	p.post(200, "1")
}

func TestTheServerThatTheClientSpeaksToJudgesItsOrigin(t *testing.T) {
	c := gather(t, 2, allowing("https://app.example"))
	p := c.servers[0].openPoll()
	p.post(200, `40{"token":"1"}`)
	got := c.servers[1].must("GET", p.query, "", "Origin: https://app.example")
	if got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "https://app.example" || got.header.Get("Vary") != "Origin" {
		t.Errorf("%+v", got)
	}
	got = c.servers[1].must("GET", p.query, "", "Origin: https://evil.example")
	if got.status != 403 || c.peers[1].sent("poll") != 1 {
		t.Errorf("%+v", got)
	}
	p.post(200, "1")
}

func TestAGETThatIsGivenUpElsewhereEndsTheSession(t *testing.T) {
	c := gather(t, 2)
	p, _ := c.servers[0].joinPoll("1")
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := p.at(c.servers[1]).request(ctx, "GET", p.query, "")
		gone <- err
	}()
	roomtest.Eventually(t, "a held GET", func() bool { return goroutineIn("(*Session).wait(") })
	cancel()
	if <-gone == nil {
		t.Error("answered")
	}
	roomtest.Eventually(t, "gone", func() bool { return c.servers[0].Hub.Stats().Members == 0 })
	p.at(c.servers[1]).get(400, unknownSession)
}

func TestAGoodbyeAndTheGETThatItOvertookMayTakeDifferentWays(t *testing.T) {
	c := gather(t, 3)
	p, _ := c.servers[0].joinPoll("1")
	held := p.at(c.servers[2]).hold()
	p.at(c.servers[1]).post(200, "1")
	if got := <-held; got.status != 200 || got.body != "6" {
		t.Errorf("the held GET: %+v", got)
	}
	p.at(c.servers[2]).get(400, unknownSession)
}

func TestTwoGETsThroughTwoServersAreTwo(t *testing.T) {
	c := gather(t, 3)
	p, _ := c.servers[0].joinPoll("1")
	held := p.at(c.servers[1]).hold()
	p.at(c.servers[2]).get(400, `{"code":3,"message":"Bad request"}`)
	if got := <-held; got.status != 400 && got.body != "1" {
		t.Errorf("%+v", got)
	}
}

func TestAPayloadOverTheLimitIsRefusedThroughAnotherServer(t *testing.T) {
	c := gather(t, 2)
	p, _ := c.servers[0].joinPoll("1")
	got := p.at(c.servers[1]).must("POST", p.query, "4"+strings.Repeat("x", 1_000_001))
	if got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%+v", got)
	}
	p.get(400, unknownSession)
}

func TestAnOwnerThatDiesWhileItHoldsAGET(t *testing.T) {
	c := gather(t, 2)
	p, _ := c.servers[0].joinPoll("1")
	held := p.at(c.servers[1]).hold()
	c.peers[1].cut()
	if got := <-held; got.status != 400 || got.body != unknownSession {
		t.Errorf("%+v", got)
	}
	roomtest.Eventually(t, "the owner to notice", func() bool { return c.servers[0].Hub.Stats().Members == 0 })
}

func TestAServerThatClosesLetsGoOfOthersClients(t *testing.T) {
	c := gather(t, 2)
	b := c.servers[1]
	p, _ := c.servers[0].joinPoll("1")
	held := p.at(b).hold()
	b.Hub.Refuse()
	b.handler.Drain(t.Context())
	if got := <-held; got.status != 200 || got.body != "6" {
		t.Errorf("the held GET: %+v", got)
	}
	p.at(b).get(200, "6") // and none is held any more
	seq := c.publish(`{"id":1}`)
	p.get(200, eventFrame(seq, `{"id":1}`))
	p.at(b).post(200, "1")
}

func TestAServerThatClosesTellsItsClientsThroughTheOthers(t *testing.T) {
	c := gather(t, 2)
	p, _ := c.servers[0].joinPoll("1")
	held := p.at(c.servers[1]).hold()
	c.servers[0].Hub.Refuse()
	c.servers[0].handler.Drain(t.Context())
	if got := <-held; got.status != 200 || got.body != "1" {
		t.Errorf("%+v", got)
	}
}

// The server's time for reading a request is over long before the ping.
func TestAGETIsHeldElsewhereUntilThePing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gatherPipes(t)
		p, _ := c.servers[0].joinPoll("1")
		began := time.Now()
		p.at(c.servers[1]).get(200, "2")
		if waited := time.Since(began); waited != 25*time.Second {
			t.Errorf("after %v", waited)
		}
	})
}

// The server's time for writing an answer is over when there is one: each has a time of its own.
func TestARefusalComesThroughAfterALongHold(t *testing.T) {
	for name, end := range map[string]struct {
		do   func(c *cluster)
		want string
	}{
		"the owner died":         {func(c *cluster) { c.peers[1].cut() }, unknownSession},
		"this server lets it go": {func(c *cluster) { c.servers[1].Hub.Refuse(); c.servers[1].handler.Drain(c.t.Context()) }, "6"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := gatherPipes(t)
				p, _ := c.servers[0].joinPoll("1")
				held := p.at(c.servers[1]).held()
				time.Sleep(24 * time.Second)
				end.do(c)
				if got := <-held; got.body != end.want {
					t.Errorf("got %+v, want %s", got, end.want)
				}
			})
		})
	}
}

func TestAClientThatDoesNotSendItsPayloadIsNotTheOtherServersFault(t *testing.T) {
	for name, payload := range map[string]string{
		"a part": "Content-Length: 10\r\n\r\n4", "no chunk": "Transfer-Encoding: chunked\r\n\r\n1\r\n4\r\nxyz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := gatherPipes(t)
				p, _ := c.servers[0].joinPoll("1")
				conn, err := c.servers[1].dial(t.Context(), "tcp", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				go fmt.Fprintf(conn, "POST /socket.io/%s HTTP/1.1\r\nHost: x\r\n%s", p.query, payload)
				if got := readAnswer(t, conn); got.status != 400 || !strings.Contains(got.body, `"code":3`) {
					t.Errorf("%+v", got)
				}
				synctest.Wait()
				if members := c.servers[0].Hub.Stats().Members; members != 0 {
					t.Errorf("%d members", members)
				}
				if c.peers[1].counts.Get("unreachable") != 0 {
					t.Error("the other server is blamed")
				}
			})
		})
	}
}

func TestASlowClientElsewhereIsEvicted(t *testing.T) {
	c := gather(t, 2, func(h *wsroom.HubConfig, _ *socketio.Config) { h.Limits.QueueMessages = 4 })
	p, _ := c.servers[0].joinPoll("1")
	for range 5 {
		c.publish(`{}`)
	}
	p.at(c.servers[1]).get(200, "1")
}

func TestAServerThatEndsDoesNotWaitForOneThatIsFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gatherPipes(t)
		a, b := c.servers[0], c.servers[1]
		p, _ := a.joinPoll("1")
		c.peers[1].frozen = true
		held := p.at(b).held()
		b.Hub.Refuse()
		began := time.Now()
		again := make(chan (<-chan answer), 1)
		go func() {
			time.Sleep(time.Second) // while it lets go
			again <- p.at(b).held()
		}()
		b.handler.Drain(t.Context())
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("let go after %v", took)
		}
		for _, get := range []<-chan answer{held, <-again} {
			if got := <-get; got.status != 200 || got.body != "6" || time.Since(began) != 2*time.Second {
				t.Errorf("after %v: %+v", time.Since(began), got)
			}
		}
	})
}
