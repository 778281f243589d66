package link

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are net.Pipes, so that a link can run inside a synctest bubble.
type pipes struct {
	connects chan net.Conn
	closed   chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.connects:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// end is one end of a connection, with everything that has arrived there.
type end struct {
	net.Conn
	mu      sync.Mutex
	arrived strings.Builder
	latest  time.Time
	closed  bool
}

func collect(conn net.Conn) *end {
	e := &end{Conn: conn}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			e.mu.Lock()
			e.arrived.Write(buffer[:n])
			if n > 0 {
				e.latest = time.Now()
			}
			e.closed = err != nil
			e.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return e
}

// settled waits until nothing more happens without the clock, and gives what has arrived so far.
func (e *end) settled() (text string, latest time.Time, closed bool) {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.arrived.String(), e.latest, e.closed
}

func (e *end) want(t *testing.T, name, want string) {
	t.Helper()
	if got, _, _ := e.settled(); got != want {
		t.Errorf("%s has %d bytes, %.40q; want %d, %.40q", name, len(got), got, len(want), want)
	}
}

// bubble is a running link in a synctest bubble, its servers in the order in which they were dialled.
type bubble struct {
	*Link
	connects chan net.Conn
	servers  chan *end
}

func inBubble(t *testing.T, test func(t *testing.T, b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{connects: make(chan net.Conn), servers: make(chan *end, 10)}
		b.Link = newLink(&pipes{connects: b.connects, closed: make(chan struct{})}, func(context.Context) (net.Conn, error) {
			near, far := net.Pipe()
			b.servers <- collect(far)
			return near, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- b.Run(ctx) }()
		test(t, b)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if n := b.Connections(); n != 0 {
			t.Errorf("%d connections outlived the link", n)
		}
	})
}

// connect opens a connection; the server comes with it unless the link keeps it from there.
func (b *bubble) connect() *end {
	near, far := net.Pipe()
	b.connects <- far
	return collect(near)
}

func send(t *testing.T, to *end, text string) {
	t.Helper()
	if _, err := to.Write([]byte(text)); err != nil {
		t.Errorf("send %.40q: %v", text, err)
	}
}

func TestABlackHoleSwallowsBothDirectionsUntilItHeals(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		client := b.connect()
		server := <-b.servers
		send(t, client, "a")
		send(t, server, "1")
		server.want(t, "server", "a")
		client.want(t, "client", "1")

		b.BlackHole()
		send(t, client, "b")
		send(t, server, "2")
		late := b.connect()
		go send(t, late, "hello") // a pipe has no buffers to take it
		time.Sleep(time.Hour)
		server.want(t, "server", "a")
		client.want(t, "client", "1")
		if n := len(b.servers); n != 0 {
			t.Errorf("%d new connections came through", n)
		}

		b.Heal()
		server.want(t, "server", "ab")
		client.want(t, "client", "12")
		(<-b.servers).want(t, "the late one's server", "hello")
		late.want(t, "the late client", "")
	})
}

func TestABlackHoleKeepsTheNewsThatAnEndHasClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		client := b.connect()
		server := <-b.servers
		b.BlackHole()
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, _, closed := server.settled(); closed {
			t.Error("the server knows that its client has closed")
		}
		b.Heal()
		if _, _, closed := server.settled(); !closed {
			t.Error("the server does not hear that its client has closed")
		}
	})
}

func TestAFrozenClientReadsNothingUntilItsServerIsHeldUp(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		client := b.connect()
		server := <-b.servers
		b.Freeze()
		flood := strings.Repeat("x", 4*window)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			send(t, server, flood)
		}()
		send(t, client, "still here")
		server.want(t, "server", "still here")
		client.want(t, "client", "")
		select {
		case <-sent:
			t.Error("the server was not held up")
		default:
		}
		b.Heal()
		<-sent
		client.want(t, "client", flood)
	})
}

func TestADelayIsALongerWayAndNotANarrowerOne(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		client := b.connect()
		server := <-b.servers
		const delay = 200 * time.Millisecond
		b.Delay(delay)
		for name, way := range map[string]struct{ from, to *end }{"up": {client, server}, "down": {server, client}} {
			start := time.Now()
			want := ""
			for range 100 {
				send(t, way.from, "ab")
				want += "ab"
			}
			time.Sleep(delay - time.Nanosecond)
			way.to.want(t, name+", an instant before its time,", "")
			time.Sleep(time.Nanosecond)
			way.to.want(t, name, want)
			if _, latest, _ := way.to.settled(); latest.Sub(start) != delay {
				t.Errorf("%s: the last byte arrives after %s, want %s", name, latest.Sub(start), delay)
			}
		}
	})
}

func TestWhatIsUnderWayArrivesWhenADelayEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		client := b.connect()
		server := <-b.servers
		b.Delay(time.Hour)
		send(t, client, "a")
		time.Sleep(time.Second)
		server.want(t, "server", "")
		b.Delay(0)
		send(t, client, "b")
		server.want(t, "server", "ab")
	})
}

func TestAConnectionThatHangsInABlackHoleCanBeCut(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		client := b.connect()
		server := <-b.servers
		b.BlackHole()
		late := b.connect()
		synctest.Wait()
		if n := b.Cut(); n != 2 {
			t.Errorf("%d connections were cut, want 2", n)
		}
		for name, e := range map[string]*end{"client": client, "server": server, "late client": late} {
			if _, _, closed := e.settled(); !closed {
				t.Errorf("the %s was not cut", name)
			}
		}
	})
}
