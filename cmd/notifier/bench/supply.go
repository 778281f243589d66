package bench

import (
	"context"
	"errors"
	"sync"
	"time"
)

// supply deals out appointments, each of them once, and knows those that are finalised for certain.
type supply struct {
	all int

	mu   sync.Mutex
	next int
	done []int // indexes
}

var errSupply = errors.New("all appointments are finalised")

func (s *supply) take(n int) (nths []int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next+n > s.all {
		return nil, errSupply
	}
	for range n {
		nths = append(nths, s.next)
		s.next++
	}
	return nths, nil
}

func (s *supply) finalised(indexes []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, indexes...)
}

// commitPatience is for one transaction, over all its tries: longer than any server is away.
const commitPatience = 2 * time.Minute

var errCommitPatience = errors.New("the database does not take it")

// Finalise finalises so many appointments a second, each in a transaction of its own, until ctx ends. Who falls behind catches up. A server that fails
// meanwhile is waited for.
func (c *Crowd) Finalise(ctx context.Context, rate float64) (err error) {
	k := clerk{crowd: c}
	defer func() { err = errors.Join(err, k.close(ctx)) }()
	began := time.Now()
	for n := 0; ; n++ {
		if pause(ctx, time.Until(began.Add(time.Duration(float64(n)/rate*float64(time.Second))))) != nil {
			return nil
		}
		if err := k.finalise(ctx, 1, 0); err != nil {
			return err
		}
	}
}

// Together finalises so many appointments in one transaction, and leaves it open for a while before its COMMIT.
func (c *Crowd) Together(ctx context.Context, n int, open time.Duration) (err error) {
	k := clerk{crowd: c}
	defer func() { err = errors.Join(err, k.close(ctx)) }()
	return k.finalise(ctx, n, open)
}

// clerk finalises on a connection that is opened anew when it fails.
type clerk struct {
	crowd  *Crowd
	writer *writer // nil: has to be opened
}

// finalise ends what it has begun, also when ctx is over.
//
// A transaction whose outcome is not known is done again: an appointment that is finalised already is not changed by that, and makes no event.
func (k *clerk) finalise(ctx context.Context, n int, open time.Duration) error {
	nths, err := k.crowd.supply.take(n)
	if err != nil {
		return err
	}
	indexes := make([]int, n)
	for i, nth := range nths {
		indexes[i] = k.crowd.clinic.nth(nth)
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), commitPatience, errCommitPatience)
	defer cancel()
	for {
		err := k.try(ctx, indexes, open)
		if err == nil {
			k.crowd.supply.finalised(indexes)
			return nil
		}
		_ = k.close(ctx) // it is of no more use
		if pause(ctx, 20*time.Millisecond) != nil {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

func (k *clerk) try(ctx context.Context, indexes []int, open time.Duration) (err error) {
	if k.writer == nil {
		if k.writer, err = k.crowd.clinic.newWriter(ctx, k.crowd.stamps); err != nil {
			return err
		}
	}
	if err := k.writer.update(ctx, indexes); err != nil {
		return err
	}
	if open > 0 {
		if err := pause(ctx, open); err != nil {
			return err
		}
	}
	return k.writer.commit(ctx, indexes)
}

func (k *clerk) close(ctx context.Context) error {
	if k.writer == nil {
		return nil
	}
	err := k.writer.close(ctx)
	k.writer = nil
	return err
}

// Sending is an appointment that is finalised for certain: whose it is, and when the COMMIT was sent, for the first time if it had to be sent again.
type Sending struct{ Account, At int64 }

// Sent is every appointment that is finalised for certain.
func (c *Crowd) Sent() map[int32]Sending {
	c.supply.mu.Lock()
	defer c.supply.mu.Unlock()
	sent := make(map[int32]Sending, len(c.supply.done))
	for _, index := range c.supply.done {
		id := int32(c.clinic.first) + int32(index) //nolint:gosec // the column is an integer
		sent[id] = Sending{c.clinic.accounts[index/c.clinic.each], c.stamps.stamps[index].Load()}
	}
	return sent
}
