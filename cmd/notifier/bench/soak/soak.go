package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
)

// The phases before and after the load.
const (
	resting        = 3 * time.Second  // before the daemons are looked at for the first time
	lastRest       = 10 * time.Second // without a delivery, and what is missing counts as lost
	settlePatience = 2 * time.Minute  // for everybody to be there, and to have everything
	leavePatience  = time.Minute      // for what sockets took to be given back
)

var errSettlePatience = errors.New("it took too long")

// recorder keeps what happens during a soak. Its methods may be called at the same time.
type recorder struct {
	site     *site
	began    time.Time
	progress io.Writer

	mu      sync.Mutex
	samples []sample
	marks   []mark
}

// soak has everything happen, and judges it. An error is only what kept it from coming to its end.
func soak(ctx context.Context, s *site, o options, progress io.Writer) (*results, error) {
	r := &results{At: time.Now().UTC(), Machine: rig.ThisMachine(ctx).String(), Options: o.recorded()}
	if err := pause(ctx, resting); err != nil {
		return nil, err
	}
	for _, d := range s.daemons {
		r.Before = append(r.Before, d.vitals(ctx))
	}
	if err := s.gather(ctx, o); err != nil {
		return nil, err
	}
	if err := s.crowd.Connect(ctx); err != nil {
		return nil, err
	}
	rec := &recorder{site: s, began: time.Now(), progress: progress}
	streams, err := rec.play(ctx, o, r)
	if err != nil {
		return nil, err
	}
	r.Samples, r.Marks = rec.samples, rec.marks
	return r, r.judge(ctx, s, streams)
}

// play is the load with its faults, what comes after it, and samples of all of it.
func (rec *recorder) play(ctx context.Context, o options, r *results) (streams []bench.Stream, err error) {
	over, stop := context.WithCancel(ctx)
	var sampling sync.WaitGroup
	defer sampling.Wait()
	defer stop()
	sampling.Go(func() { rec.sample(over, o.sampleEvery) })
	if err := rec.load(ctx, o); err != nil {
		return nil, err
	}
	r.Seconds = time.Since(rec.began).Seconds()
	settling, cancel := context.WithTimeoutCause(ctx, settlePatience, errSettlePatience)
	defer cancel()
	if err := rec.site.crowd.Settle(settling, o.rest); err != nil {
		r.Unsettled = err.Error() // the judge says what that led to
	}
	r.Count = rec.site.crowd.Count()
	r.Settled = time.Since(rec.began).Seconds()
	streams, r.Latency = rec.site.crowd.Leave()
	r.After = rec.leave(ctx, r.Before)
	return streams, ctx.Err()
}

// load is what goes on at the same time, until the time is up.
func (rec *recorder) load(ctx context.Context, o options) error {
	group, ctx := errgroup.WithContext(ctx)
	timed, cancel := context.WithTimeout(ctx, o.during)
	defer cancel()
	group.Go(func() error { return rec.site.crowd.Finalise(timed, o.rate) })
	group.Go(func() error { rec.site.crowd.Mingle(timed); return nil })
	group.Go(func() error { return rec.site.happen(ctx, timed.Done(), o.faultEvery, rec.happened) })
	return group.Wait()
}

func (rec *recorder) happened(n int, began time.Time) {
	count := rec.site.crowd.Count()
	m := mark{At: began.Sub(rec.began).Seconds(), Took: time.Since(began).Seconds(), Fault: n}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.marks = append(rec.marks, m)
	fmt.Fprintf(rec.progress, "%5.0f s  %-54s %5.1f s  %d joined, %d deliveries\n", m.At, faults[n].name, m.Took, count.Joined, count.Deliveries)
}

// sample looks at everything from time to time.
func (rec *recorder) sample(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s := rec.look(ctx)
		if ctx.Err() != nil { // it has seen only a part
			return
		}
		rec.mu.Lock()
		rec.samples = append(rec.samples, s)
		rec.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (rec *recorder) look(ctx context.Context) sample {
	count := rec.site.crowd.Count()
	s := sample{At: time.Since(rec.began).Seconds(), Joined: count.Joined, Deliveries: count.Deliveries}
	for _, d := range rec.site.daemons {
		s.Daemons = append(s.Daemons, d.vitals(ctx))
	}
	return s
}

// leave waits until the daemons have no more goroutines and descriptors than before the crowd came, and returns what they have then, or at last.
func (rec *recorder) leave(ctx context.Context, before []vitals) (after []vitals) {
	for began := time.Now(); ; {
		after = after[:0]
		back := true
		for i, d := range rec.site.daemons {
			v := d.vitals(ctx)
			back = back && v.back(before[i])
			after = append(after, v)
		}
		if back || time.Since(began) > leavePatience || pause(ctx, time.Second) != nil {
			return after
		}
	}
}
