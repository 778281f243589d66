package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Gathering says what a Crowd is made of.
type Gathering struct {
	Doors        []string                            // ws://host:port of each daemon; every connection takes one by chance
	Sources      int                                 // see Target
	Token        func(account int64) (string, error) // for the sockets of an account
	Conns        int                                 // sockets; the protocols have half of them each
	Accounts     int                                 // that the sockets are dealt out to
	Appointments int                                 // as many as can be finalised
	Stay, Away   time.Duration                       // how long a socket is connected, and then away, in the mean
}

// Validate reports all faults at once.
func (g Gathering) Validate() error {
	var faults []error
	for _, door := range g.Doors {
		faults = append(faults, Target{URL: door, Protocol: Plain, Sources: g.Sources}.Validate())
	}
	if len(g.Doors) == 0 {
		faults = append(faults, errors.New("no daemon is named"))
	}
	if g.Accounts < 1 || g.Conns < 2*g.Accounts {
		faults = append(faults, fmt.Errorf("%d sockets in %d accounts: at least one account, and two sockets in each", g.Conns, g.Accounts))
	}
	if g.Appointments < 1 || g.Stay <= 0 || g.Away <= 0 {
		faults = append(faults, errors.New("appointments, and how long sockets stay and are away, are to be more than nothing"))
	}
	return errors.Join(faults...)
}

// Crowd is many sockets of both protocols that come and go, each with the cursor of what it heard last, on daemons that may fail meanwhile. What each of
// them has heard is kept. Its methods may be called at the same time, unless they say otherwise.
type Crowd struct {
	gathering Gathering
	clinic    *clinic
	swarms    []*swarm // one for each protocol
	stamps    *score   // of which only those count
	supply    supply
}

// Gather adds accounts and appointments to the clinic behind database, and makes sockets that are not connected yet. The caller must Close the crowd.
func Gather(ctx context.Context, database string, g Gathering) (*Crowd, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	clinic, err := seed(ctx, database, g.Accounts, g.Appointments)
	if err != nil {
		return nil, err
	}
	c := &Crowd{gathering: g, clinic: clinic, stamps: newScore(clinic)}
	c.supply.all = clinic.count()
	for i, protocol := range []string{Plain, SocketIO} {
		if err := c.add(protocol, (g.Conns+i)/2); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// add makes the sockets of one protocol.
func (c *Crowd) add(protocol string, n int) error {
	doors, err := parseAll(c.gathering.Doors)
	if err != nil {
		return err
	}
	tokens := make([]string, len(c.clinic.accounts))
	for i, account := range c.clinic.accounts {
		if tokens[i], err = c.gathering.Token(account); err != nil {
			return fmt.Errorf("sign a token: %w", err)
		}
	}
	tally := newScore(c.clinic)
	tally.stamps = c.stamps.stamps
	s := &swarm{
		target: Target{Protocol: protocol, Sources: c.gathering.Sources},
		host:   doors[0].Host, doors: len(doors), score: tally, endless: true,
	}
	s.add(n, tokens)
	for _, client := range s.clients {
		client.stream = &Stream{Account: c.clinic.accounts[client.account], Protocol: protocol}
	}
	if s.net, err = newNetwork(s, doors); err != nil {
		return fmt.Errorf("open sockets: %w", err)
	}
	c.swarms = append(c.swarms, s)
	return nil
}

// Connect lets all sockets in, and returns when they are joined.
func (c *Crowd) Connect(ctx context.Context) error {
	for _, s := range c.swarms {
		if err := s.connect(ctx, atOnce); err != nil {
			return err
		}
	}
	return nil
}

// Mingle has sockets go and come back until ctx ends. Each that is away then still comes back: see Settle.
func (c *Crowd) Mingle(ctx context.Context) {
	const step = 50 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	due := 0.0
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for due += float64(c.gathering.Conns) * step.Seconds() / c.gathering.Stay.Seconds(); due >= 1; due-- {
			s := c.swarms[rand.IntN(len(c.swarms))]                         //nolint:gosec // which socket goes is no secret
			s.excuse(rand.IntN(len(s.clients)), rand.N(2*c.gathering.Away)) //nolint:gosec // as above
		}
	}
}

// excuse has a client go, if it is joined, and come back after a while.
func (s *swarm) excuse(n int, away time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[n]; c.stage == joined && !s.closed {
		c.link.cut()
		s.left(c)
		s.later(c, away)
	}
}

// Cut resets all connections to a door at once, as a proxy does that is restarted. It returns how many there were.
func (c *Crowd) Cut(door int) (cut int) {
	for _, s := range c.swarms {
		s.mu.Lock()
		for _, client := range s.clients {
			if client.link != nil && client.door == door {
				client.link.cut()
				s.left(client)
				s.later(client, rand.N(time.Second)) //nolint:gosec // jitter, not a secret
				cut++
			}
		}
		s.mu.Unlock()
	}
	return cut
}

// Settle returns when all sockets are joined and nothing has come for so long. Nobody may Mingle or Finalise meanwhile.
func (c *Crowd) Settle(ctx context.Context, rest time.Duration) error {
	for {
		now := c.Count()
		if now.Joined == c.gathering.Conns && now.Rest > rest {
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("wait until everybody is there and has everything, %d of %d are: %w", now.Joined, c.gathering.Conns, err)
		}
	}
}

// Count is a Crowd at one moment.
type Count struct {
	Joined     int           `json:"joined"`
	Deliveries int64         `json:"deliveries"`
	Cut        int           `json:"cut"`     // connections that a server ended, since the beginning
	Refused    int           `json:"refused"` // tries that failed
	Rest       time.Duration `json:"-"`       // since the last delivery
}

// Count counts.
func (c *Crowd) Count() (n Count) {
	var last int64
	for _, s := range c.swarms {
		s.mu.Lock()
		n.Joined += s.open
		n.Cut += s.cut
		n.Refused += s.tries - s.cut
		s.mu.Unlock()
		n.Deliveries += s.score.deliveries.Load()
		last = max(last, s.score.last.Load())
	}
	n.Rest = time.Duration(now() - last)
	return n
}

// Close ends all connections. Those who Mingle or Finalise have to have returned.
func (c *Crowd) Close() {
	for _, s := range c.swarms {
		s.close()
	}
	c.swarms = c.swarms[:0:0]
}

// Leave ends all connections, and returns what each socket has heard, and how late. Only Close and what is about appointments may be called after it.
func (c *Crowd) Leave() (streams []Stream, latency Latency) {
	all := &score{latency: hdrhistogram.New(1, maxLatency, 3)}
	swarms := c.swarms
	c.Close()
	for _, s := range swarms {
		for _, client := range s.clients {
			streams = append(streams, *client.stream)
		}
		all.latency.Merge(s.score.latency)
	}
	return streams, all.summary()
}
