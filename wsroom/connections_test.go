package wsroom_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// named is the hub's name.
func named(name string) option {
	return func(hub *wsroom.HubConfig, _ *wsroom.HandlerConfig) { hub.Name = name }
}

// only is the one connection that matches.
func (s *server) only(match wsroom.Match) wsroom.Connection {
	s.t.Helper()
	list, total := s.Hub.Connections(match, 10)
	if total != 1 || len(list) != 1 {
		s.t.Fatalf("want one connection for %+v, got %d: %+v", match, total, list)
	}
	return list[0]
}

func TestAConnectionIsToldAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, named("here"))
		began := time.Now()
		c := s.connect("", "User-Agent: Tela\t\u202e1", "X-Token: hidden")
		synctest.Wait()
		want := wsroom.Connection{ID: "here.1", Protocol: "ws", Transport: "websocket", State: "waiting", Since: began, UserAgent: "Tela??1"}
		if got := s.only(wsroom.Match{}); got != want {
			t.Errorf("before its token:\ngot  %+v\nwant %+v", got, want)
		}
		c.send(`{"type":"auth","token":"1/10m"}`)
		c.want("welcome")
		synctest.Wait()
		want.Account, want.Subject, want.State = "1", "7", "live"
		want.Queued, want.Written, want.ExpiresAt = 100, 100, began.Add(10*time.Minute)
		if got := s.only(wsroom.Match{Account: "1", Subject: "7"}); !same(got, want) {
			t.Errorf("live:\ngot  %+v\nwant %+v", got, want)
		}
		c.send(`{"type":"auth","token":"1/30m"}`)
		c.want("renewed")
		s.Publish("1", `{}`)
		c.wantEvents(101)
		synctest.Wait()
		want.Queued, want.Written, want.ExpiresAt = 101, 101, began.Add(30*time.Minute)
		if got := s.only(wsroom.Match{ID: "here.1"}); !same(got, want) {
			t.Errorf("renewed, and sent an event:\ngot  %+v\nwant %+v", got, want)
		}
	})
}

// same is equality, of tokens' ends by the millisecond that is kept.
func same(a, b wsroom.Connection) bool {
	end := a.ExpiresAt.Sub(b.ExpiresAt).Abs()
	a.ExpiresAt = b.ExpiresAt
	return a == b && end < time.Millisecond
}

// A replay goes past the queue: what it has written counts all the same.
func TestAConnectionThatWasReplayedIsWhereTheReplayLeftIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		for range 3 {
			s.Publish("1", `{}`)
		}
		c := s.connect("?cursor="+roomtest.CursorOf(101), "Authorization: Bearer 1")
		c.want("welcome")
		c.wantEvents(102, 103)
		synctest.Wait()
		if got := s.only(wsroom.Match{}); got.Queued != 103 || got.Written != 103 || got.State != "live" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestWhatWaitsForASlowConnectionIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		conn := rawDial(t, s, "1")
		synctest.Wait()
		s.Publish("1", `{}`)
		if err := readUntil(conn, func(seen []byte) bool { return strings.HasSuffix(string(seen), "{}}") }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 3 { // the first is being written, the others wait
			s.Publish("1", `{}`)
			synctest.Wait()
		}
		got := s.only(wsroom.Match{})
		if got.Queued != 104 || got.Written != 101 || got.Messages != 3 || got.Bytes < 3*40 {
			t.Errorf("got %+v, want 3 messages behind event 101", got)
		}
	})
}

func TestConnectionsAreListedInTheOrderOfTheirComing(t *testing.T) {
	s := listen(t, named("here"))
	for n := range 12 {
		s.join(fmt.Sprint(1 + n%3))
	}
	list, total := s.Hub.Connections(wsroom.Match{}, 5)
	if total != 12 || len(list) != 5 {
		t.Fatalf("want 5 of 12, got %d of %d", len(list), total)
	}
	for i, c := range list {
		if want := fmt.Sprintf("here.%d", i+1); c.ID != want || c.Account != fmt.Sprint(1+i%3) || !c.From.Addr().IsLoopback() {
			t.Errorf("want %s, got %+v", want, c)
		}
	}
	for name, test := range map[string]struct {
		match wsroom.Match
		want  int
	}{
		"an account":                 {wsroom.Match{Account: "2"}, 4},
		"an account that is not":     {wsroom.Match{Account: "4"}, 0},
		"a subject":                  {wsroom.Match{Subject: "7"}, 12},
		"a subject that is not":      {wsroom.Match{Subject: "77"}, 0},
		"an id":                      {wsroom.Match{ID: "here.7"}, 1},
		"an id of another account":   {wsroom.Match{ID: "here.7", Account: "2"}, 0},
		"an id of another daemon":    {wsroom.Match{ID: "there.7"}, 0},
		"an id that is none":         {wsroom.Match{ID: "here.x"}, 0},
		"an id that never was":       {wsroom.Match{ID: "here.99"}, 0},
		"an id without a number":     {wsroom.Match{ID: "here"}, 0},
		"the subject of one account": {wsroom.Match{Subject: "7", Account: "1"}, 4},
	} {
		if _, total := s.Hub.Connections(test.match, 0); total != test.want {
			t.Errorf("%s: want %d, got %d", name, test.want, total)
		}
	}
}

func TestWhoIsKickedIsToldToComeBack(t *testing.T) {
	s := listen(t, named("here"))
	first, second, other := s.join("1"), s.join("1"), s.join("2")
	roomtest.Eventually(t, "three live connections", func() bool {
		list, _ := s.Hub.Connections(wsroom.Match{}, 3)
		return len(list) == 3 && !slices.ContainsFunc(list, func(c wsroom.Connection) bool { return c.State != "live" })
	})
	s.Publish("1", `{}`)
	if got := s.Hub.Kick(wsroom.Match{}); got != 0 {
		t.Errorf("a match of nothing kicked %d", got)
	}
	if got := s.Hub.Kick(wsroom.Match{ID: "here.2"}); got != 1 {
		t.Errorf("an id kicked %d", got)
	}
	second.wantEvents(101) // what waited goes out before
	second.wantEnd(1012, "restart")
	if got := s.Hub.Kick(wsroom.Match{Account: "1"}); got != 1 { // the second has been
		t.Errorf("the account kicked %d", got)
	}
	first.wantEvents(101)
	first.wantEnd(1012, "restart")
	s.Publish("2", `{}`)
	other.wantEvents(102)
	if got := s.Hub.Kick(wsroom.Match{Subject: "7"}); got != 1 {
		t.Errorf("the subject kicked %d", got)
	}
	other.wantEnd(1012, "restart")
}

// Somebody waits for the hub's lock as long as a copy of pointers takes; this is for the race detector.
func TestConnectionsMayBeListedWhileTheyComeAndGo(t *testing.T) {
	s := listen(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				s.Hub.Connections(wsroom.Match{Subject: "7"}, 100)
			}
		}
	}()
	for n := range 30 {
		conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "ws://"), "/ws"))
		if err != nil {
			t.Fatal(err)
		}
		if err := handshake(conn, "1"); err != nil {
			t.Fatal(err)
		}
		s.Publish("1", `{}`)
		if n%2 == 0 {
			s.Hub.Kick(wsroom.Match{Account: "1"})
		}
		conn.Close()
	}
	close(stop)
	<-stopped
}

func TestTextsOfClientsAreBounded(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"curl/8\x00\x1b[31m\n":   "curl/8??[31m?",
		"\xff\xfe":               "??",
		strings.Repeat("é", 150): strings.Repeat("é", 100),
	} {
		var m wsroom.Member
		hub := wsroom.NewHub(wsroom.HubConfig{})
		hub.Open(1, "1-1")
		if err := hub.Admit(&m, netip.AddrPort{}); err != nil {
			t.Fatal(err)
		}
		m.NoteUserAgent(text)
		if err := hub.Attach(&m, wsroom.Plain, quiet{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.Join("1"); err != nil {
			t.Fatal(err)
		}
		m.Identify(strings.Repeat("s", 300), time.Now())
		list, _ := hub.Connections(wsroom.Match{Subject: strings.Repeat("s", 300)}, 1)
		if len(list) != 1 || list[0].UserAgent != want || len(list[0].Subject) != 256 {
			t.Errorf("%q: got %+v, want %q", text, list, want)
		}
		m.Leave()
		if _, total := hub.Connections(wsroom.Match{}, 1); total != 0 {
			t.Errorf("%d are here after it left", total)
		}
	}
}

// quiet is a Receiver that nobody hears of.
type quiet struct{}

func (quiet) Wake()   {}
func (quiet) GiveUp() {}
