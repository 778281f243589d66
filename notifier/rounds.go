package notifier

import (
	"context"
	"fmt"
	"sync"
)

// rounds let many clients that need something from the database at the same time ask for it together, as a group
// commit does: what comes while the database is busy waits in one round, which is then asked for at once. Nobody waits
// for others to come; a client alone is asked for at once and alone.
//
// The client that opens a round leads it: it takes the turn and asks for all. A round runs under a context of its own,
// which ends when all its clients have gone; so one that leaves disturbs nobody, and a leader that leaves stays until
// the others have their answer.
type rounds[T any] struct {
	turns chan struct{} // held while the database is asked
	most  int           // items in one round
	ask   func(ctx context.Context, items []T) error
	over  func(items []T) // called for every round before its clients go on; may be nil

	mu   sync.Mutex
	open *round[T] // waits for its turn
}

// round is one question. Its items are the asking client's own again when it is done.
type round[T any] struct {
	items   []T
	clients int // that wait for it; when all have left it is over, and nobody may come any more
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // once done
}

// visit is one client's part in the rounds that hold what it waits for. It is used by one goroutine.
type visit[T any] struct {
	rounds *rounds[T]
	in     []*round[T]
	leads  []func()
}

// add puts an item into the round that is open. Whoever adds must wait.
func (v *visit[T]) add(ctx context.Context, item T) *round[T] {
	v.rounds.mu.Lock()
	defer v.rounds.mu.Unlock()
	r := v.rounds.open
	if r == nil {
		r = &round[T]{done: make(chan struct{})}
		var own context.Context
		own, r.cancel = context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // the last client that leaves calls it
		v.rounds.open = r
		v.leads = append(v.leads, func() { v.rounds.lead(own, r) })
	}
	v.enter(r)
	r.items = append(r.items, item)
	if len(r.items) == v.rounds.most {
		v.rounds.open = nil
	}
	return r
}

// join waits for a round that holds the item already, unless its clients have all left.
func (v *visit[T]) join(r *round[T]) bool {
	v.rounds.mu.Lock()
	defer v.rounds.mu.Unlock()
	if r.clients == 0 {
		return false
	}
	v.enter(r)
	return true
}

func (v *visit[T]) enter(r *round[T]) {
	for _, known := range v.in {
		if known == r {
			return
		}
	}
	v.in = append(v.in, r)
	r.clients++
}

// wait returns when all is answered, with the error of a round that failed, or when ctx ends.
func (v *visit[T]) wait(ctx context.Context) error {
	leave := sync.OnceFunc(v.leave)
	defer leave()
	stop := context.AfterFunc(ctx, leave)
	defer stop()
	for _, lead := range v.leads {
		lead()
	}
	for _, r := range v.in {
		select {
		case <-r.done:
			if r.err != nil {
				return r.err
			}
		case <-ctx.Done():
			return fmt.Errorf("wait for the database: %w", context.Cause(ctx))
		}
	}
	return nil
}

func (v *visit[T]) leave() {
	v.rounds.mu.Lock()
	defer v.rounds.mu.Unlock()
	for _, r := range v.in {
		r.clients--
		if r.clients > 0 {
			continue
		}
		r.cancel()
		if v.rounds.open == r {
			v.rounds.open = nil
		}
	}
}

// lead asks for a round when its turn has come. Until then it takes in what comes.
func (g *rounds[T]) lead(ctx context.Context, r *round[T]) {
	defer close(r.done)
	if g.over != nil {
		defer func() { g.over(r.items) }()
	}
	select {
	case g.turns <- struct{}{}:
		defer func() { <-g.turns }()
	case <-ctx.Done():
		r.err = fmt.Errorf("wait for a turn: %w", context.Cause(ctx))
		return
	}
	g.mu.Lock()
	if g.open == r {
		g.open = nil
	}
	g.mu.Unlock()
	r.err = g.ask(ctx, r.items)
}
