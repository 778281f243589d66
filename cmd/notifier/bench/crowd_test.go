package bench

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// newCrowd is a crowd of plain sockets at two fake servers, without a clinic's database: appointments 10 and 11 of one account.
func newCrowd(t *testing.T, conns int) (c *Crowd, servers []*fakeServer) {
	clinic := &clinic{accounts: []int64{1}, each: 2, first: 10}
	c = &Crowd{clinic: clinic, stamps: newScore(clinic)}
	for range 2 {
		servers = append(servers, serveFake(t, 0))
	}
	c.gathering = Gathering{
		Doors: []string{doorOf(servers[0].web), doorOf(servers[1].web)}, Conns: conns, Stay: 50 * time.Millisecond, Away: time.Millisecond,
		Token: func(int64) (string, error) { return "one", nil },
	}
	if err := c.add(Plain, conns); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, servers
}

func doorOf(s *httptest.Server) string { return strings.Replace(s.URL, "http", "ws", 1) }

// await returns when so many sockets are joined and have heard so much, all together.
func (c *Crowd) await(t *testing.T, joined int, deliveries int64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		n := c.Count()
		if n.Joined == joined && n.Deliveries == deliveries {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, want %d joined and %d deliveries", n, joined, deliveries)
		}
	}
}

func TestACrowdIsAtAllDoorsAndEachSocketKeepsWhatItHeard(t *testing.T) {
	c, servers := newCrowd(t, 40)
	for _, frame := range []string{event10, strings.Replace(event10, `{"id":10`, `{"id":11`, 1)} {
		for _, server := range servers {
			server.tell(t.Context(), frame)
		}
	}
	c.await(t, 40, 80)
	for i, server := range servers {
		if server.opens.Load() == 0 {
			t.Errorf("nobody came to door %d", i)
		}
	}
	streams, latency := c.Leave()
	if len(streams) != 40 || latency.Max != 0 { // nobody has said when it was sent
		t.Fatalf("%d streams, %+v", len(streams), latency)
	}
	for _, s := range streams {
		if s.Account != 1 || s.Protocol != Plain || len(s.Spells) != 1 || !slices.Equal(s.Spells[0].Heard, []int32{10, 11}) {
			t.Fatalf("a socket has %+v", s)
		}
	}
}

func TestWhoIsCutAtOneDoorComesBackAndTheOthersStay(t *testing.T) {
	c, servers := newCrowd(t, 40)
	there := servers[1].opens.Load()
	if cut := c.Cut(1); int64(cut) != there {
		t.Errorf("%d were cut, %d were there", cut, there)
	}
	c.await(t, 40, 0)
	if opens := servers[0].opens.Load() + servers[1].opens.Load(); opens != 40+there {
		t.Errorf("%d connections were opened, want %d", opens, 40+there)
	}
	if n := c.Count(); n.Cut != 0 {
		t.Errorf("%d count as cut by a server", n.Cut)
	}
}

func TestSocketsOfACrowdComeAndGo(t *testing.T) {
	c, servers := newCrowd(t, 40)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() {
		for ctx.Err() == nil && servers[0].opens.Load()+servers[1].opens.Load() < 80 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	c.Mingle(ctx)
	if opens := servers[0].opens.Load() + servers[1].opens.Load(); opens < 80 {
		t.Errorf("%d connections were opened in 10 s, want another one of each socket in the mean", opens)
	}
	c.await(t, 40, 0)
}

func TestASpellEndsOnlyWhereTheServerDoesNotGoOn(t *testing.T) {
	s := newLoop(Plain, 1)
	c := s.clients[0]
	c.stream = &Stream{}
	recovered := strings.Replace(welcome, `"recovered":false`, `"recovered":true`, 1)
	for _, w := range []string{welcome, recovered, welcome} {
		c.opening()
		hearAll(t, c, upgraded+serverFrame(w)+serverFrame(event10), 1<<20)
		s.left(c)
	}
	if got := heard(c.stream); !slices.EqualFunc(got, [][]int32{{10, 10}, {10}}, slices.Equal) {
		t.Errorf("got %v, want two spells: the second welcome has recovered, the third has not", got)
	}
}

func TestASpellOfSocketIOEndsWithAnotherPid(t *testing.T) {
	s := newLoop(SocketIO, 1)
	c := s.clients[0]
	c.stream = &Stream{}
	for _, pid := range []string{"P", "P", "Q"} {
		c.opening()
		hearAll(t, c, upgraded+serverFrame(`0{"sid":"s"}`)+serverFrame(`40{"sid":"s","pid":"`+pid+`"}`)+
			serverFrame(`42["appointmnents.finished",{"id":10,"accountId":1},"1-8"]`), 1<<20)
		s.left(c)
	}
	if got := heard(c.stream); !slices.EqualFunc(got, [][]int32{{10, 10}, {10}}, slices.Equal) {
		t.Errorf("got %v, want two spells", got)
	}
}

func heard(s *Stream) (all [][]int32) {
	for _, spell := range s.Spells {
		all = append(all, spell.Heard)
	}
	return all
}

func TestAppointmentsAreDealtOutOnce(t *testing.T) {
	s := supply{all: 5}
	first, err := s.take(3)
	if err != nil || !slices.Equal(first, []int{0, 1, 2}) {
		t.Fatalf("%v, %v", first, err)
	}
	if _, err := s.take(3); err == nil {
		t.Error("more are dealt out than there are")
	}
	if rest, err := s.take(2); err != nil || !slices.Equal(rest, []int{3, 4}) {
		t.Errorf("%v, %v", rest, err)
	}
}

func TestAGatheringThatMeansNothingIsRefused(t *testing.T) {
	good := Gathering{Doors: []string{"ws://127.0.0.1:1"}, Conns: 4, Accounts: 2, Appointments: 1, Stay: 1, Away: 1}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(g *Gathering){
		"no door":               func(g *Gathering) { g.Doors = nil },
		"a door that is none":   func(g *Gathering) { g.Doors = []string{"127.0.0.1"} },
		"an account for one":    func(g *Gathering) { g.Conns = 3 },
		"no account":            func(g *Gathering) { g.Accounts = 0 },
		"no appointment":        func(g *Gathering) { g.Appointments = 0 },
		"sockets that leave":    func(g *Gathering) { g.Stay = 0 },
		"sockets that are back": func(g *Gathering) { g.Away = 0 },
	} {
		g := good
		spoil(&g)
		if err := g.Validate(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
