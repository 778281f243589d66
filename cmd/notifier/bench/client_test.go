package bench

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// loop is a network without sockets: what clients write is kept, and nothing is answered.
type loop struct{}

type dead struct{ written []byte }

func (loop) dial(*client) (link, error) { return &dead{}, nil }
func (loop) close()                     {}
func (d *dead) write(p []byte) error    { d.written = append(d.written, p...); return nil }
func (d *dead) cut()                    {}

// newLoop is a swarm of n clients in two accounts with two appointments each, 10 and 11, 12 and 13, on no network.
func newLoop(protocol string, n int) *swarm {
	c := &clinic{accounts: []int64{1, 2}, each: 2, first: 10}
	s := &swarm{target: Target{Protocol: protocol}, host: "h", score: newScore(c), net: loop{}}
	s.add(n, []string{"one", "two"})
	for _, client := range s.clients {
		s.try(client)
	}
	return s
}

const upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

// serverFrame is a text frame as servers send it.
func serverFrame(payload string) string {
	if len(payload) < 126 {
		return "\x81" + string([]byte{byte(len(payload))}) + payload
	}
	return "\x81\x7e" + string([]byte{byte(len(payload) >> 8), byte(len(payload))}) + payload
}

const (
	welcome = `{"type":"welcome","accountId":"1","cursor":"1-7","recovered":false}`
	event10 = `{"type":"event","id":"1-8","event":"appointmnents.finished","data":{"id":10,"accountId":1}}`
	event12 = `{"type":"event","id":"1-9","event":"appointmnents.finished","data":{"id":12,"accountId":2}}`
)

// hearAll gives a client a server's bytes, in pieces of so many, and collects its answers.
func hearAll(t *testing.T, c *client, text string, size int) (answers []byte) {
	t.Helper()
	for piece := range slices.Chunk([]byte(text), size) {
		answer, err := c.hear(piece, now())
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, answer...)
		clear(piece) // it is not ours to keep
	}
	return answers
}

func TestAPlainClientJoinsCountsAndComesBackWithItsCursor(t *testing.T) {
	for _, size := range []int{1, 7, 1 << 20} {
		s := newLoop(Plain, 1)
		c := s.clients[0]
		if got := string(c.opening()); !strings.HasPrefix(got, "GET /ws HTTP/1.1\r\nAuthorization: Bearer one\r\n") {
			t.Fatalf("opening %q", got)
		}
		other := `{"type":"event","id":"1-8","event":"doctors.busy","data":{"id":10}}`
		pong := hearAll(t, c, upgraded+serverFrame(welcome)+serverFrame(other)+serverFrame(event10)+"\x89\x02hi", size)
		if want := "\x8a\x82\x00\x00\x00\x00hi"; string(pong) != want {
			t.Errorf("in pieces of %d: answered %q, want %q", size, pong, want)
		}
		if s.open != 1 || s.score.deliveries.Load() != 1 || s.score.misrouted.Load() != 0 {
			t.Errorf("in pieces of %d: %d joined, %d deliveries, %d misrouted", size, s.open, s.score.deliveries.Load(), s.score.misrouted.Load())
		}
		if got := string(c.opening()); !strings.HasPrefix(got, "GET /ws?cursor=1-8 HTTP/1.1\r\n") {
			t.Errorf("opening again %q", got)
		}
	}
}

func TestASocketIOClientJoinsAnswersPingsAndComesBackWithPidAndOffset(t *testing.T) {
	for _, size := range []int{1, 7, 1 << 20} {
		s := newLoop(SocketIO, 1)
		c := s.clients[0]
		if got := string(c.opening()); !strings.HasPrefix(got, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n") || strings.Contains(got, "one") {
			t.Fatalf("opening %q", got)
		}
		answers := hearAll(t, c, upgraded+serverFrame(`0{"sid":"x","pingInterval":25000}`)+serverFrame(`40{"sid":"y","pid":"p"}`)+
			serverFrame(`42["appointmnents.finished",{"id":10},"1-8"]`)+serverFrame("2"), size)
		want := append(appendFrame(nil, opText, []byte(`40{"token":"one"}`)), appendFrame(nil, opText, []byte("3"))...)
		if !bytes.Equal(answers, want) {
			t.Errorf("in pieces of %d: answered %q, want %q", size, answers, want)
		}
		if s.open != 1 || s.score.deliveries.Load() != 1 {
			t.Errorf("in pieces of %d: %d joined, %d deliveries", size, s.open, s.score.deliveries.Load())
		}
		if got, want := string(c.connect()), `40{"token":"one","pid":"p","offset":"1-8"}`; got != want {
			t.Errorf("CONNECT again %s, want %s", got, want)
		}
	}
}

func TestWhatServersDoWrongIsAnErrorWithWhatTheySay(t *testing.T) {
	for name, c := range map[string]struct{ protocol, said, want string }{
		"no upgrade":           {Plain, "HTTP/1.1 503 Service Unavailable\r\n\r\n", "503 Service Unavailable"},
		"an error frame":       {Plain, upgraded + serverFrame(`{"type":"error","code":"token_expired"}`), "token_expired"},
		"a close frame":        {Plain, upgraded + "\x88\x02\x0f\xa1", "closed by the server"},
		"a masked frame":       {Plain, upgraded + "\x81\x81\x00\x00\x00\x00x", "no server sends"},
		"half a message":       {Plain, upgraded + "\x01\x01x", "no server sends"},
		"a huge frame":         {Plain, upgraded + "\x81\x7f\xff\x00\x00\x00\x00\x00\x00\x00", "no server sends"},
		"a refused CONNECT":    {SocketIO, upgraded + serverFrame(`44{"message":"no"}`), "refused"},
		"out of its namespace": {SocketIO, upgraded + serverFrame("41"), "refused"},
	} {
		s := newLoop(c.protocol, 1)
		s.clients[0].opening()
		if _, err := s.clients[0].hear([]byte(c.said), now()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want one that says %q", name, err, c.want)
		}
	}
}

func TestTheScoreFindsWhatIsDoubledMisroutedAndLost(t *testing.T) {
	s := newLoop(Plain, 2)
	r := &run{work: Workload{Conns: 2, Accounts: 2}, clinic: s.score.clinic, score: s.score, swarm: s} // quiet at once
	for i, frames := range []string{event10 + "|" + event10 + "|" + event12, event12} {
		s.clients[i].opening()
		hearAll(t, s.clients[i], upgraded+serverFrame(welcome), 1<<20)
		for frame := range strings.SplitSeq(frames, "|") {
			hearAll(t, s.clients[i], serverFrame(frame), 1<<20)
		}
	}
	if err := r.await(t.Context(), 3, 1); err != nil {
		t.Fatal(err)
	}
	if err := r.measure(meters{}, 0); err != nil {
		t.Fatal(err)
	}
	got := r.report
	if got.Deliveries != 2 || got.Doubled != 1 || got.Misrouted != 1 || got.Lost != 1 || got.Good() {
		t.Errorf("%d delivered, %d doubled, %d misrouted, %d lost; want 2, 1, 1, 1, and that it is not good",
			got.Deliveries, got.Doubled, got.Misrouted, got.Lost)
	}
}

func TestLatencyIsFromTheCOMMITToTheRead(t *testing.T) {
	s := newLoop(Plain, 2)
	for i, ms := range []int64{3, 700} {
		s.score.sent(2*i, 1_000_000)
		s.score.delivered(s.clients[i], int64(10+2*i), 1, 1_000_000+ms*1_000_000)
	}
	got := s.score.summary()
	if got.P50 < 2.9 || got.P50 > 3.1 || got.Max < 699 || got.Max > 701 {
		t.Errorf("median %v ms, longest %v ms; want 3 and 700", got.P50, got.Max)
	}
}

func TestEverySocketIsExpectedToGetTheEventsOfItsAccount(t *testing.T) {
	for _, c := range []struct {
		conns, accounts, events int
		want                    int64
	}{{10, 10, 10, 10}, {10, 1, 7, 70}, {5, 2, 3, 3*2 + 2*1}, {7, 3, 4, 3*2 + 2 + 2}, {3, 3, 1, 1}} {
		clinic := &clinic{accounts: make([]int64, c.accounts), each: c.events}
		r := &run{work: Workload{Conns: c.conns, Accounts: c.accounts}, clinic: clinic}
		perAccount := map[int]int64{}
		for n := range c.events {
			perAccount[clinic.nth(n)/clinic.each]++
		}
		var dealt int64
		for socket := range c.conns {
			dealt += perAccount[socket%c.accounts]
		}
		if got := r.expected(c.events); got != c.want || got != dealt {
			t.Errorf("%+v: expects %d deliveries, by the dealing %d", c, got, dealt)
		}
	}
}

func TestWorkloadsAndTargetsThatMakeNoSense(t *testing.T) {
	for _, w := range []Workload{
		{Conns: 1, Accounts: 1}, {Conns: 1, Accounts: 2, Idle: true}, {Conns: 0, Accounts: 0, Idle: true},
		{Conns: 1, Accounts: 1, Idle: true, Storm: true}, {Conns: 1, Accounts: 1, Rate: 5},
	} {
		if w.Validate() == nil {
			t.Errorf("%+v passes", w)
		}
	}
	for _, target := range []Target{
		{URL: "http://h:1", Protocol: Plain}, {URL: "ws://h:1", Protocol: "smoke"}, {URL: "ws://h:1", Protocol: Plain, Sources: 300},
		{URL: "ws://h:1", Protocol: Plain, Peers: []Peer{{URL: "http://h:2"}}},
	} {
		if target.Validate() == nil {
			t.Errorf("%+v passes", target)
		}
	}
	if err := errorsOf(Workload{Conns: 2, Accounts: 1, Rate: 5, For: time.Second}, Target{
		URL: "wss://h", Protocol: SocketIO, Peers: []Peer{{URL: "wss://i"}, {PID: 7}},
	}); err != nil {
		t.Error(err)
	}
}

func errorsOf(w Workload, t Target) error {
	if err := w.Validate(); err != nil {
		return err
	}
	return t.Validate()
}

// What a server says must not crash the generator, nor make it take a delivery for more than it is.
func FuzzHear(f *testing.F) {
	f.Add([]byte(upgraded+serverFrame(welcome)+serverFrame(event10)), true, uint8(3))
	f.Add([]byte(upgraded+serverFrame(`0{}`)+serverFrame(`40{"sid":"y","pid":"p"}`)+
		serverFrame(`42["appointmnents.finished",{"id":10},"1-8"]`)), false, uint8(0))
	f.Add([]byte("HTTP/1.1 500 no\r\n\r\n"), true, uint8(1))
	f.Fuzz(func(t *testing.T, said []byte, plain bool, size uint8) {
		protocol := SocketIO
		if plain {
			protocol = Plain
		}
		s := newLoop(protocol, 1)
		c := s.clients[0]
		c.opening()
		for piece := range slices.Chunk(said, int(size)+1) {
			if _, err := c.hear(piece, now()); err != nil {
				break
			}
		}
		if got := s.score.deliveries.Load(); got > 2 {
			t.Errorf("%d deliveries of two appointments", got)
		}
		if s.open > 1 {
			t.Errorf("one client joined %d times", s.open)
		}
	})
}
