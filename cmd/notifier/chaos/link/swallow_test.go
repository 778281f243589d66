package link

import (
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// pair opens a connection and waits until it is through.
func (b *bubble) pair() (client, server *end) {
	client = b.connect()
	return client, <-b.servers
}

func TestASwallowedConnectionHangsForGoodAndNewOnesPass(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		client, server := b.pair()
		idle, idleServer := b.pair()
		send(t, client, "a")
		send(t, server, "1")
		server.want(t, "server", "a")
		client.want(t, "client", "1")

		if n := b.Swallow(); n != 2 {
			t.Errorf("%d connections were swallowed, want 2", n)
		}
		send(t, client, "b")
		send(t, server, "2")
		send(t, idle, "b")
		send(t, idleServer, "2")
		later, laterServer := b.pair()
		send(t, later, "hello")
		laterServer.want(t, "the new one's server", "hello")
		for _, change := range []func(){b.Heal, func() { b.Delay(time.Second) }, func() { b.Delay(0) }, func() { time.Sleep(time.Hour) }} {
			change()
			server.want(t, "server", "a")
			client.want(t, "client", "1")
			idleServer.want(t, "the idle one's server", "")
			idle.want(t, "the idle client", "")
		}
		if n := b.Connections(); n != 3 {
			t.Errorf("%d connections, want 3", n)
		}
	})
}

func TestNobodyHearsOfTheEndOfASwallowedConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		closing, closingServer := b.pair()
		served, servedServer := b.pair()
		b.Swallow()
		for _, e := range []net.Conn{closing, servedServer} {
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		b.Heal()
		for name, e := range map[string]*end{"server": closingServer, "client": served} {
			if _, _, closed := e.settled(); closed {
				t.Errorf("the %s knows that its other end has closed", name)
			}
		}
	})
}

func TestNobodyHearsOfTheResetOfASwallowedConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		near, far := net.Pipe()
		b.connects <- far
		client, server := collect(near), <-b.servers
		b.Swallow()
		if err := far.SetReadDeadline(time.Now()); err != nil { // for the link, any end that is no io.EOF is a reset
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		for name, e := range map[string]*end{"server": server, "client": client} {
			if _, _, closed := e.settled(); closed {
				t.Errorf("the %s knows that its connection was reset", name)
			}
		}
	})
}

func TestASwallowedSenderIsHeldUpAtLast(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		client, server := b.pair()
		b.Swallow()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = server.Write([]byte(strings.Repeat("x", 4*window))) // its failure is the end of the link
		}()
		client.want(t, "client", "")
		select {
		case <-sent:
			t.Error("the server was not held up")
		default:
		}
		if n := b.Cut(); n != 1 {
			t.Errorf("%d connections were cut, want 1", n)
		}
		<-sent
		if _, _, closed := client.settled(); !closed {
			t.Error("the client was not cut")
		}
	})
}

func TestASeedChoosesWhichOneIsSwallowed(t *testing.T) {
	const seed, conns = 7, 5
	var swallowed [2][]int
	for i := range swallowed {
		inBubble(t, func(t *testing.T, b *bubble) {
			if random := rand.New(rand.NewPCG(seed, 0)); b.SwallowOne(random) {
				t.Error("there was one to swallow")
			}
			var clients, servers []*end
			for range conns {
				client, server := b.pair()
				clients, servers = append(clients, client), append(servers, server)
			}
			if random := rand.New(rand.NewPCG(seed, 0)); !b.SwallowOne(random) {
				t.Error("there was none to swallow")
			}
			for _, client := range clients {
				send(t, client, "?")
			}
			for n, server := range servers {
				if text, _, _ := server.settled(); text != "?" {
					swallowed[i] = append(swallowed[i], n)
				}
			}
		})
	}
	if len(swallowed[0]) != 1 || !slices.Equal(swallowed[0], swallowed[1]) {
		t.Errorf("one seed has swallowed connections %v, want the same one twice", swallowed)
	}
}
