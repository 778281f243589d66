package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// secret signs the screens' tokens. The world is gone in a minute, and so is what it protects.
const secret = "chaos-has-no-secrets-but-this-one-of-40-bytes" //nolint:gosec // of nothing

const (
	usualRate    = 800 // terminal changes a second
	usualWriters = 8
	perAccount   = 4 // screens of each account and protocol
	settleLimit  = 45 * time.Second
)

// options are of the whole run.
type options struct {
	binary      string
	build       []string // flags of go build for a binary that is not the usual one
	dir         string   // of the logs
	seed        uint64
	changes     int           // to be committed
	patience    time.Duration // how long a wait for a lock must last to count: deadlock_timeout
	protocols   []string      // of the screens
	pingTimeout time.Duration // how long daemons and screens wait for an answer
	strict      bool          // to resume later than promised is a fault: for a machine that does nothing else
	log         func(format string, args ...any)
}

// run plays the scenario and judges what came of it. An error means that it could not be played.
func (s *scenario) run(ctx context.Context, o options) (*verdict, error) {
	p, err := s.plan.build(ctx, o)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	o.dir = filepath.Join(o.dir, s.name)
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, err
	}
	// A scenario that hangs is a finding, too.
	ctx, cancel := context.WithTimeoutCause(ctx, 4*time.Minute, errors.New("the scenario took more than 4 minutes"))
	defer cancel()
	w, err := open(ctx, o, p)
	if err != nil {
		return nil, err
	}
	v, err := s.play(ctx, w)
	err = errors.Join(err, w.close())
	cancel()
	_ = w.group.Wait() // links end with their context, and say so
	if v != nil {
		v.took = time.Since(began)
	}
	return v, err
}

func (s *scenario) play(ctx context.Context, w *world) (*verdict, error) {
	if err := w.invite(ctx); err != nil {
		return nil, err
	}
	audience, leave := context.WithCancel(ctx)
	defer leave()
	watching, watchers := errgroup.WithContext(audience)
	for _, p := range w.players {
		watching.Go(func() error { return p.run(watchers) })
	}
	if err := w.assembled(watchers); err != nil {
		return nil, err
	}
	if err := s.day(ctx, w); err != nil {
		return nil, err
	}
	settled := w.settle(ctx)
	v, err := judge(ctx, s, w)
	leave()
	if err := errors.Join(err, watching.Wait()); err != nil {
		return nil, err
	}
	if settled != nil {
		v.fault("%v", settled)
	}
	return v, nil
}

// day is the clinic's: some changes, then the fault, then the rest of the changes.
func (s *scenario) day(ctx context.Context, w *world) error {
	w.clinic = newClinic(func() string { return w.primary().URL(app, database) }, w.seed, cmp.Or(s.plan.writers, usualWriters), cmp.Or(s.plan.rate, usualRate))
	open, closeClinic := context.WithCancel(ctx)
	writing, open := errgroup.WithContext(open)
	writing.Go(func() error { return w.clinic.run(open) })
	err := w.clinic.reach(ctx, w.changes/10)
	if err == nil {
		w.log("%s: fault begins at change %d", s.name, w.clinic.changes.Load())
		err = s.fault(ctx, w)
	}
	if w.overAt.IsZero() {
		w.over()
	}
	if err == nil {
		w.log("%s: fault is over at change %d", s.name, w.clinic.changes.Load())
		// Some after the fault, however long it took.
		err = w.clinic.reach(ctx, max(w.changes, int(w.clinic.changes.Load())+w.changes/10))
	}
	if err == nil {
		err = w.compensate(ctx)
	}
	closeClinic()
	return errors.Join(err, writing.Wait())
}

// compensate lets the clinic make others for the changes that the database has lost.
func (w *world) compensate(ctx context.Context) error {
	for {
		committed, err := w.committed(ctx)
		if err != nil || committed >= w.changes {
			return err
		}
		if err := w.clinic.reach(ctx, int(w.clinic.changes.Load())+w.changes-committed); err != nil {
			return err
		}
	}
}

// assembled waits until every screen is connected: what is committed from then on is for all of them.
func (w *world) assembled(ctx context.Context) error {
	for _, s := range w.screens {
		for !s.connected() {
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return fmt.Errorf("wait for %s to connect: %w", s.name, err)
			}
		}
	}
	return nil
}

// settle waits until everything that was committed is numbered and with its screens, and no effect waits that could be
// settled; then a little more, so that what is sent twice is seen. An error says what is still missing.
func (w *world) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, settleLimit, errors.New("it did not come to rest"))
	defer cancel()
	for {
		missing := w.unsettled(ctx)
		if missing == nil {
			return pause(ctx, 300*time.Millisecond)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%w: %w", err, missing)
		}
	}
}

func (w *world) unsettled(ctx context.Context) error {
	ends, err := w.ends(ctx)
	if err != nil {
		return err
	}
	for _, s := range w.screens {
		if end, any := ends[s.account]; any && !s.has(end) {
			return fmt.Errorf("%s is at %q, the log of its account ends at %d", s.name, s.cursor(), end)
		}
	}
	return nil
}
