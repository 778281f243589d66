package main

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"notifier/wsroom"
)

// The parts that everything waits for, as /readyz, /livez and the log name them when they hang.
const (
	feedHung  = "feed_hung"
	roomsHung = "rooms_hung"
)

// How many seconds a part may spend in one step before the daemon is not ready, and before only a restart can mend it.
// The second is longer than all time limits of one step together (notifier.Feed.Work), whatever the database does.
const (
	hangsForReady = 15
	hangsForLive  = 180
)

const lifeInterval = time.Second

// life finds parts that are stuck, so that /livez can say so. It counts its own ticks and asks no clock: a process that was
// stopped, or a machine that slept, has not hung. What may block is asked in a goroutine of its own.
type life struct {
	vitals []*vital
	touch  func() // blocks while the rooms' lock cannot be had
	log    *slog.Logger

	touches atomic.Int64 // odd while touch runs
}

// vital is one part, and for how long it has been in the same step.
type vital struct {
	code  string
	work  func() (step int64, working bool)
	step  int64 // that of the last tick
	ticks atomic.Int64
}

func newLife(feed func() (step int64, working bool), touch func(), log *slog.Logger) *life {
	l := &life{touch: touch, log: log}
	l.vitals = []*vital{{code: feedHung, work: feed}, {code: roomsHung, work: func() (int64, bool) {
		n := l.touches.Load()
		return n, n%2 == 1
	}}}
	return l
}

// touching makes a hub what newLife asks for.
func touching(hub *wsroom.Hub) func() { return func() { hub.Stats() } }

// run looks every second until ctx ends. It returns nil, and not before touch has returned.
func (l *life) run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() {
		everySecond(ctx, func() {
			l.touches.Add(1)
			l.touch()
			l.touches.Add(1)
		})
	})
	everySecond(ctx, func() {
		for _, v := range l.vitals {
			l.look(ctx, v)
		}
	})
	return nil
}

func everySecond(ctx context.Context, do func()) {
	tick := time.NewTicker(lifeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

func (l *life) look(ctx context.Context, v *vital) {
	step, working := v.work()
	if working && step == v.step {
		if v.ticks.Add(1) == hangsForReady {
			l.log.LogAttrs(ctx, slog.LevelError, "part_hung", slog.String("code", v.code))
		}
		return
	}
	v.step = step
	if hung := v.ticks.Swap(0); hung >= hangsForReady {
		l.log.LogAttrs(ctx, slog.LevelInfo, "part_recovered", slog.String("code", v.code), slog.Int64("seconds", hung))
	}
}

// live is whether more than a restart can mend it: what /livez says.
func (d *daemon) live() bool { return len(d.life.hung(hangsForLive)) == 0 }

// hung are the codes of the parts that are stuck since so many seconds.
func (l *life) hung(seconds int64) (codes []string) {
	for _, v := range l.vitals {
		if v.ticks.Load() >= seconds {
			codes = append(codes, v.code)
		}
	}
	return codes
}
