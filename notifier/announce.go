package notifier

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// listenersKnown is for how long it is believed that nobody else listens. A daemon that begins meanwhile finds what it is
// not told of by polling.
const listenersKnown = time.Second

// announcer tells the other daemons how far our pump has numbered, so that they read on at once. It works beside the
// loop, which need not wait for it; what is lost of it, the others find by polling.
type announcer struct {
	pool  *pgxpool.Pool
	seq   atomic.Int64              // the highest
	alone atomic.Pointer[time.Time] // when nobody else listened; nil: somebody did, or it is not known
	asked time.Time                 // run's own
	wake  chan struct{}             // one slot: while one is being sent, others collapse
}

func newAnnouncer(pool *pgxpool.Pool) *announcer {
	return &announcer{pool: pool, wake: make(chan struct{}, 1)}
}

// announce never blocks.
func (a *announcer) announce(seq int64) {
	if alone := a.alone.Load(); alone != nil && time.Since(*alone) < listenersKnown {
		return
	}
	a.seq.Store(seq)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run sends until ctx ends. Errors are the loop's to report: it meets them, too.
func (a *announcer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
			a.send(ctx)
		}
	}
}

func (a *announcer) send(ctx context.Context) {
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	if now := time.Now(); now.Sub(a.asked) > listenersKnown {
		a.asked = now
		a.alone.Store(nil)
		var listeners int
		if err := a.pool.QueryRow(ctx, listenersSQL).Scan(&listeners); err == nil && listeners <= 1 {
			a.alone.Store(&now)
		}
	}
	if a.alone.Load() == nil {
		_, _ = a.pool.Exec(ctx, announceSQL, strconv.FormatInt(a.seq.Load(), 10)) // see run
	}
}
