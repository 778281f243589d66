// Package link is a TCP link that a test can spoil: a proxy before a server, whose faults are switched
// while it runs and reach the connections that there are.
//
// It carries bytes in order or not at all, as TCP does. A hole in the middle of a stream is nothing that a
// network can make, so a link that swallows everything keeps what it swallowed, and delivers it if it is
// healed in time: what the retransmissions of a real one come to.
package link

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
)

// Dial opens the link's far end.
type Dial func(ctx context.Context) (net.Conn, error)

// To is a Dial to an address, such as "tcp", "127.0.0.1:8080" or "unix", dir+"/.s.PGSQL.5432".
func To(network, address string) Dial {
	return func(ctx context.Context) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, address)
	}
}

// Link is one listener and the connections through it. Its methods may be called concurrently.
type Link struct {
	listener net.Listener
	faults   atomic.Pointer[faults]

	mu          sync.Mutex // held to change faults and for what is below
	connections []*connection
}

// Listen opens a link on a TCP address; port 0 is any. Clients may connect at once; they are served, and
// the listener is closed in the end, by Run.
func Listen(ctx context.Context, address string, dial Dial) (*Link, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for link: %w", err)
	}
	return newLink(listener, dial), nil
}

func newLink(listener net.Listener, dial Dial) *Link {
	l := &Link{listener: listener}
	l.faults.Store(&faults{dial: dial, changed: make(chan struct{})})
	return l
}

// Addr is where clients connect, as host:port.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Run serves the link until ctx ends, then resets its connections and waits for them. It returns nil, or
// why it cannot accept.
func (l *Link) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		<-ctx.Done()
		_ = l.listener.Close() // its only purpose is to wake Accept
	})
	err := l.accept(ctx, &group)
	cancel()
	group.Wait()
	return err
}

func (l *Link) accept(ctx context.Context, group *sync.WaitGroup) error {
	for {
		client, err := l.listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				reset(client)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept on link: %w", err)
		}
		if l.faults.Load().refuse {
			reset(client)
			continue
		}
		connectionCtx, cut := context.WithCancel(ctx)
		c := &connection{link: l, client: client, cut: cut}
		l.add(c)
		group.Go(func() {
			defer l.remove(c)
			c.run(connectionCtx)
		})
	}
}

func (l *Link) add(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connections = append(l.connections, c)
}

func (l *Link) remove(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.connections, c)
	l.connections = slices.Delete(l.connections, i, i+1)
}

// Connections is how many there are.
func (l *Link) Connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.connections)
}

// Cut resets every connection that there is, and tells how many. Both ends see ECONNRESET (at a Unix
// socket, its end).
func (l *Link) Cut() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.connections {
		c.cut()
	}
	return len(l.connections)
}

// Swallow makes a black hole of every connection that there is, for good, while new ones go through: what is left of
// connections that a router has forgotten. It tells how many they are.
func (l *Link) Swallow() int {
	l.mu.Lock()
	for _, c := range l.connections {
		c.swallowed.Store(true)
	}
	swallowed := len(l.connections)
	l.mu.Unlock()
	l.change(func(*faults) {}) // the lanes look again
	return swallowed
}

// SwallowOne does so with one connection, of random's choice, and tells whether there was one.
func (l *Link) SwallowOne(random *rand.Rand) bool {
	l.mu.Lock()
	if len(l.connections) == 0 {
		l.mu.Unlock()
		return false
	}
	l.connections[random.IntN(len(l.connections))].swallowed.Store(true)
	l.mu.Unlock()
	l.change(func(*faults) {}) // the lanes look again
	return true
}

// CutOne resets one connection, of random's choice, and tells whether there was one.
func (l *Link) CutOne(random *rand.Rand) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.connections) == 0 {
		return false
	}
	l.connections[random.IntN(len(l.connections))].cut()
	return true
}
