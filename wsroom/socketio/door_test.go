package socketio_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

func limited(l wsroom.Limits) option {
	return func(h *wsroom.HubConfig, _ *socketio.Config) { h.Limits = l }
}

const (
	tooManyBody = `{"code":4,"message":"Too many connections"}`
	fullRoom    = `44{"message":"too many connections: try again later","data":{"code":"too_many_connections"}}`
)

// wantFull wants an opening refused, on either transport.
func (s *server) wantFull() {
	s.t.Helper()
	a := s.must("GET", "?EIO=4&transport=polling", "", "Origin: http://"+s.address())
	if a.status != 429 || a.body != tooManyBody || a.header.Get("Retry-After") != "5" || a.header.Get("Access-Control-Allow-Origin") == "" {
		s.t.Errorf("polling: %+v", a)
	}
	if _, status, err := s.dialWire(""); err == nil || status != 429 {
		s.t.Errorf("websocket: %d, %v", status, err)
	}
}

func TestOpeningsOverALimitAreRefused(t *testing.T) {
	for limit, limits := range map[string]wsroom.Limits{
		"connections": {Connections: 2},
		"address":     {PerAddress: 2},
	} {
		t.Run(limit, func(t *testing.T) {
			s := listen(t, limited(limits))
			w, _ := s.join("1")
			p, _ := s.joinPoll("1")
			s.wantFull()
			if s.Counts.Get("refused "+limit) != 2 || s.Hub.Stats().Protocols["socketio"] != 2 {
				t.Errorf("counted %v", s.Counts)
			}
			p.post(200, "1")
			roomtest.Eventually(t, "left", func() bool { return s.Hub.Stats().Members == 1 })
			again, _ := s.joinPoll("1")
			s.wantFull()
			u := again.upgrade() // that is the same session, and takes no second place
			u.send("5")
			w.send("1")
			w.wantClose(1000, "left")
			roomtest.Eventually(t, "left", func() bool { return s.Hub.Stats().Members == 1 })
			s.join("1")
			s.wantFull()
			u.send(`421["x"]`)
			u.want("431[]")
		})
	}
}

func TestAnOpeningThatIsNoHandshakeTakesNoPlace(t *testing.T) {
	s := listen(t, limited(wsroom.Limits{Connections: 1}))
	for range 2 { // without a key
		if a := s.must("GET", "?EIO=4&transport=websocket", "", "Connection: Upgrade", "Upgrade: websocket"); a.status != 400 {
			t.Errorf("%+v", a)
		}
	}
	s.join("1")
}

func TestOpeningsHaveARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, limited(wsroom.Limits{PerSecond: 1}))
		s.join("1")
		for range 4 {
			s.joinPoll("1")
		}
		if a := s.must("GET", "?EIO=4&transport=polling", ""); a.status != 429 || a.body != tooManyBody {
			t.Errorf("%+v", a)
		}
		time.Sleep(time.Second)
		s.openPoll()
		if s.Counts.Get("refused rate") != 1 {
			t.Errorf("counted %v", s.Counts)
		}
	})
}

// The session stays, and the same client may try again on it.
func TestAFullRoomIsAConnectError(t *testing.T) {
	s := listen(t, limited(wsroom.Limits{PerAccount: 1}))
	first, _ := s.join("1")
	w, p := s.connect(""), s.openPoll()
	w.send(`40{"token":"1"}`)
	w.want(fullRoom)
	p.post(200, `40{"token":"1"}`)
	p.get(200, fullRoom)
	if s.Counts.Get("refused account") != 2 || s.Hub.Stats().Waiting != 2 || !strings.Contains(s.Record.String(), `"connect_refused"`) {
		t.Errorf("counted %v, %+v", s.Counts, s.Hub.Stats())
	}
	w.send(`40{"token":"2"}`) // another room
	w.greeted()
	first.send("41")
	roomtest.Eventually(t, "left", func() bool { return s.Hub.Stats().Members == 1 })
	p.post(200, `40{"token":"1"}`)
	parseGreeting(t, p.must("GET", p.query, "").body)
	first.send(`40{"token":"1"}`)
	first.want(fullRoom)
	seq := s.Publish("1", `{"id":1}`)
	p.get(200, eventFrame(seq, `{"id":1}`))
}

func TestAFullRoomAsNestJSWouldSayIt(t *testing.T) {
	s := listen(t, limited(wsroom.Limits{PerAccount: 1}), configured(func(c *socketio.Config) { c.RefuseByLeaving = true }))
	s.join("1")
	w, _ := s.join("1")
	w.want("41")
}

func TestStrangersMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, limited(wsroom.Limits{Connections: 2}))
		w, p := s.connect(""), s.openPoll()
		time.Sleep(time.Second)
		s.join("1")
		w.wantClose(4429, "too_many_connections")
		s.join("1")
		p.get(200, "1")
		if s.Counts.Get("refused waiting") != 2 {
			t.Errorf("counted %v", s.Counts)
		}
		s.joinRefused()
	})
}

// joinRefused is wantFull where there is no address.
func (s *server) joinRefused() {
	s.t.Helper()
	if a := s.must("GET", "?EIO=4&transport=polling", ""); a.status != 429 {
		s.t.Errorf("%+v", a)
	}
}

// A session that polls may only leave where it is for a place that there is.
func TestASessionStaysWhereItIsIfThereIsNoRoomElsewhere(t *testing.T) {
	for limit, limits := range map[string]wsroom.Limits{
		"connections": {Connections: 1},
		"address":     {PerAddress: 1},
		"account":     {PerAccount: 1, Connections: 2}, // the second of which is free again after each refusal
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			c := gather(t, 2)
			a, b := c.servers[0], c.servers[1]
			first, _ := b.join("1")
			p, _ := a.joinPoll("1")
			b.Hub.SetLimits(limits)
			for range 2 {
				if _, status, err := p.at(b).dialWire(p.sid()); err == nil || status != 429 {
					t.Errorf("status %d, %v", status, err)
				}
				roomtest.Eventually(t, "the probe to be over", func() bool { return !goroutineIn("(*Session).serveMove(") }) // else the next is a second one
			}
			if b.Counts.Get("refused "+limit) != 2 || c.peers[1].counts.Get("refused") != 2 || b.Hub.Stats().Protocols["socketio"] != 1 {
				t.Errorf("counted %v, %v, %+v", b.Counts, &c.peers[1].counts, b.Hub.Stats())
			}
			seq := c.publish(`{"id":1}`)
			p.at(b).get(200, eventFrame(seq, `{"id":1}`))

			first.want(eventFrame(seq, `{"id":1}`))
			first.send("1")
			first.wantClose(1000, "left")
			b.wantAlone()
			w := p.at(b).upgrade() // now there is a place, and it is counted there
			w.send("5")
			seq = c.publish(`{"id":2}`)
			w.want(eventFrame(seq, `{"id":2}`))
			if _, status, err := b.dialWire(""); limit != "account" && (err == nil || status != 429) {
				t.Errorf("status %d, %v", status, err)
			}
			a.wantAlone()
		})
	}
}

func TestASessionThatMovesIsNotHeldUpByTheRate(t *testing.T) {
	c := gather(t, 2, limited(wsroom.Limits{PerSecond: 1}))
	a, b := c.servers[0], c.servers[1]
	p, _ := a.joinPoll("1")
	for b.must("GET", "?EIO=4&transport=polling", "").status != 429 { // the burst
	}
	w := p.at(b).upgrade()
	w.send("5")
	seq := c.publish(`{"id":1}`)
	w.want(eventFrame(seq, `{"id":1}`))
}

// The last place goes while a session is on its way: it is over, and its client comes back to be told.
func TestARoomThatFillsUpDuringAMove(t *testing.T) {
	c := gather(t, 2)
	a, b := c.servers[0], c.servers[1]
	b.Hub.SetLimits(wsroom.Limits{PerAccount: 1})
	p, _ := a.joinPoll("1")
	w := p.at(b).upgrade()
	b.join("1")
	w.send("5")
	w.wantClose(4429, "too_many_connections")
	roomtest.Eventually(t, "gone", func() bool { return a.Hub.Stats().Members == 0 && b.Hub.Stats().Members == 1 })
}

// Whoever is outside of every room has 45 seconds to come in.
func TestWhoDoesNotComeInIsReaped(t *testing.T) {
	for name, say := range map[string]struct {
		packets []string
		after   time.Duration // from the last of them
	}{
		"never CONNECTs":               {nil, 45 * time.Second},
		"was refused":                  {[]string{`40{"token":"token_invalid"}`}, 40 * time.Second},
		"was refused twice":            {[]string{`40{"token":"token_invalid"}`, `40{"token":"token_expired"}`}, 35 * time.Second},
		"DISCONNECTs":                  {[]string{`40{"token":"1"}`, "41"}, 45 * time.Second},
		"DISCONNECTs, and is refused":  {[]string{`40{"token":"1"}`, "41", `40{"token":"token_invalid"}`}, 40 * time.Second},
		"DISCONNECTs during the check": {[]string{`40{"token":"hang"}`, "41"}, 45 * time.Second},
	} {
		for _, transport := range []string{"polling", "websocket"} {
			t.Run(name+"/"+transport, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := listenPipes(t, configured(func(c *socketio.Config) { c.PingInterval = time.Hour }))
					post, end := outsider(s, transport)
					for _, packet := range say.packets {
						time.Sleep(5 * time.Second)
						post(packet)
						synctest.Wait()
					}
					began := time.Now()
					end()
					if got := time.Since(began); got != say.after {
						t.Errorf("after %v", got)
					}
					time.Sleep(time.Minute)
					if stats := s.Hub.Stats(); stats.Waiting+stats.Members != 0 || s.Counts.Get("closed 4401") != 1 {
						t.Errorf("%+v, %v", stats, s.Counts)
					}
				})
			})
		}
	}
}

// outsider opens a session; end waits for what it ends with.
func outsider(s *server, transport string) (post func(string), end func()) {
	if transport == "polling" {
		p := s.openPoll()
		return func(packet string) { p.post(200, packet) }, func() {
			for s.must("GET", p.query, "").body != "1" { // answers to what was said
			}
		}
	}
	w := s.connect("")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, _, err := w.conn.Read(w.t.Context()); err != nil {
				return
			}
		}
	}()
	return func(packet string) { w.send("%s", packet) }, func() { <-ended }
}

func TestWhoComesInAgainIsNotReaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, configured(func(c *socketio.Config) { c.PingInterval = time.Hour }))
		w, _ := s.join("1")
		w.send("41")
		time.Sleep(44 * time.Second)
		w.send(`40{"token":"1"}`)
		w.greeted()
		time.Sleep(time.Minute)
		seq := s.Publish("1", `{}`)
		w.want(eventFrame(seq, `{}`))
	})
}

// What README.md says that a page has to do.
func TestStockClientsAndAFullServer(t *testing.T) {
	for transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := listen(t, limited(wsroom.Limits{Connections: 1}))
			first, _ := s.join("1")
			c := startStock(t, s, "4.8", transport, "1")
			if got := c.Next("connect_error", "connect"); got.Kind != "connect_error" || got.Code != "" {
				t.Fatalf("got %+v", got)
			}
			c.Next("connect_error") // it tries again by itself
			first.send("1")
			c.Next("connect")
			publishStock(s, 1, 3)
			c.WantEvents(1, 3)
			outcome(t, "Node", "4.8", transport, "the server is full: connect_error, over and over; connects by itself when there is room")
		})
	}
}

func TestStockClientsAndAFullRoom(t *testing.T) {
	for transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := listen(t, limited(wsroom.Limits{PerAccount: 1}))
			first, _ := s.join("1")
			c := startStock(t, s, "4.8", transport, "1")
			if got := c.Next("connect_error", "connect"); got.Kind != "connect_error" || got.Code != "too_many_connections" || got.Message == "" {
				t.Fatalf("got %+v", got)
			}
			roomtest.Eventually(t, "its transport closed", func() bool { return s.Hub.Stats().Protocols["socketio"] == 1 })
			if refused := s.Counts.Get("refused account"); refused != 1 {
				t.Errorf("it has tried %d times by itself", refused)
			}
			first.send("1")
			s.wantAlone()
			c.Do("connect")
			c.Next("connect")
			publishStock(s, 1, 3)
			c.WantEvents(1, 3)
			outcome(t, "Node", "4.8", transport, "the account's room is full: connect_error with its code, and no more; connects when asked to")
		})
	}
}
