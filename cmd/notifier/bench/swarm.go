package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

// swarm is many clients on few threads. What is lost comes back by itself, as a screen does, with its cursor.
type swarm struct {
	target Target
	host   string
	doors  int // addresses, of which each connection takes one by chance; 0: one
	score  *score
	net    network

	mu      sync.Mutex // also of every client
	clients []*client
	waiting []*client     // for their first try
	open    int           // joined
	tries   int           // that failed
	cut     int           // connections that the server ended
	firstly error         // the first that went wrong
	all     chan struct{} // closed when all are joined, made by who waits
	lastIn  int64
	closed  bool
	endless bool // whoever is refused tries for ever
}

// network opens connections. Its methods are called under the swarm's lock, and what happens on a link comes back as heard and lost.
type network interface {
	dial(c *client) (link, error)
	close() // returns when nothing comes back any more
}

// link is a client's connection. write does not block for long: nobody sends much.
type link interface {
	write(p []byte) error
	cut() // at once, by a reset
}

// maxTries bounds how often, on average, a client is refused before the swarm gives up.
const maxTries = 20

var errServer = errors.New("the server does not let all in")

func newSwarm(t Target, s *score) (*swarm, error) {
	doors, err := parseAll(t.addresses())
	if err != nil {
		return nil, err
	}
	w := &swarm{target: t, host: doors[0].Host, doors: len(doors), score: s}
	if w.net, err = newNetwork(w, doors); err != nil {
		return nil, fmt.Errorf("open sockets: %w", err)
	}
	return w, nil
}

func parseAll(addresses []string) (urls []*url.URL, err error) {
	urls = make([]*url.URL, len(addresses))
	for i, address := range addresses {
		if urls[i], err = url.Parse(address); err != nil {
			return nil, fmt.Errorf("parse URL: %w", err)
		}
	}
	return urls, nil
}

// add makes clients, dealt out to the accounts in turn.
func (s *swarm) add(n int, tokens []string) {
	for i := range n {
		account := i % len(tokens)
		s.clients = append(s.clients, &client{swarm: s, account: account, token: tokens[account]})
	}
}

// connect lets all clients in, at most so many at the same time, and returns when they are joined.
func (s *swarm) connect(ctx context.Context, atOnce int) error {
	s.mu.Lock()
	s.waiting = append(s.waiting, s.clients...)
	done := s.expect()
	for range min(atOnce, len(s.waiting)) {
		s.next()
	}
	s.mu.Unlock()
	return s.await(ctx, done)
}

// storm cuts all clients, has all come back at once, and returns when they have, and how long it took from the first cut.
func (s *swarm) storm(ctx context.Context) (time.Duration, error) {
	s.mu.Lock()
	began := now()
	done := s.expect()
	for _, c := range s.clients {
		c.link.cut()
		s.left(c)
	}
	for _, c := range s.clients {
		s.try(c)
	}
	s.mu.Unlock()
	err := s.await(ctx, done)
	return time.Duration(s.lastIn - began), err
}

// expect returns a channel that is closed when all are joined, or when it makes no sense to wait for that.
func (s *swarm) expect() chan struct{} {
	s.all, s.tries, s.firstly = make(chan struct{}), 0, nil
	return s.all
}

func (s *swarm) await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == len(s.clients) {
		return nil
	}
	return errors.Join(fmt.Errorf("%w: %d of %d are joined, %d tries failed", errServer, s.open, len(s.clients), s.tries), s.firstly, ctx.Err())
}

// next starts one of those that wait.
func (s *swarm) next() {
	if n := len(s.waiting); n > 0 {
		c := s.waiting[n-1]
		s.waiting = s.waiting[:n-1]
		s.try(c)
	}
}

// try connects a client.
func (s *swarm) try(c *client) {
	var err error
	c.door = rand.IntN(max(s.doors, 1)) //nolint:gosec // as a proxy without affinity does
	if c.link, err = s.net.dial(c); err != nil {
		s.failed(c, err)
	}
}

// joined is called by a client that is in.
func (s *swarm) joined(now int64) {
	s.open++
	s.lastIn = now
	if s.open == len(s.clients) && s.all != nil {
		close(s.all)
		s.all = nil
	}
	s.next()
}

// heard takes what a client's link has read. Under mu.
func (s *swarm) heard(c *client, p []byte, now int64) {
	answer, err := c.hear(p, now)
	if err == nil && len(answer) > 0 {
		err = c.link.write(answer)
	}
	if err != nil {
		c.link.cut()
		s.lost(c, err)
	}
}

// lost is told when a link has ended by itself. Under mu.
func (s *swarm) lost(c *client, err error) {
	if s.closed {
		return
	}
	if c.stage == joined {
		s.cut++
	}
	s.left(c)
	s.failed(c, err)
}

func (s *swarm) left(c *client) {
	if c.stage == joined {
		s.open--
	}
	c.stage, c.link = idle, nil
}

// failed has a client try again after a while, like one of the field.
func (s *swarm) failed(c *client, err error) {
	s.tries++
	if s.firstly == nil {
		s.firstly = err
	}
	if s.tries > maxTries*len(s.clients) && !s.endless {
		if s.all != nil {
			close(s.all)
			s.all = nil
		}
		return
	}
	s.later(c, 50*time.Millisecond+rand.N(200*time.Millisecond)) //nolint:gosec // jitter, not a secret
}

// later has a client try after so long.
func (s *swarm) later(c *client, after time.Duration) {
	time.AfterFunc(after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed && c.link == nil {
			s.try(c)
		}
	})
}

// source is where the nth connection comes from, of so many loopback addresses.
func source(n, addresses int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + n%addresses)}) //nolint:gosec // at most 200, see Target.Validate
}

// close ends all connections. Then the score is at rest.
func (s *swarm) close() {
	s.mu.Lock()
	s.closed = true
	for _, c := range s.clients {
		if c.link != nil {
			c.link.cut()
		}
	}
	s.mu.Unlock()
	s.net.close()
}

// began is what now counts from.
var began = time.Now()

// now is a monotonic clock in nanoseconds, never 0.
func now() int64 { return int64(time.Since(began)) + 1 }
