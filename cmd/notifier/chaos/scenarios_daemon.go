package main

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// What happens to the daemons themselves.
var daemonScenarios = []*scenario{
	{
		name: "calm", about: "nothing goes wrong", short: true,
		fault: func(context.Context, *world) error { return nil },
	},
	{
		name: "daemon-killed", about: "SIGKILL of one daemon of three, which is started again after 2 s", short: true,
		fault: func(ctx context.Context, w *world) error {
			return w.replace(ctx, syscall.SIGKILL, 2*time.Second, w.nodes[0])
		},
		allows: allowance{linksCut: true},
		resume: 3 * time.Second,
	},
	{
		name: "daemons-killed", about: "SIGKILL of all three, which are started again after 1 s", short: true,
		fault: func(ctx context.Context, w *world) error {
			err := w.replace(ctx, syscall.SIGKILL, time.Second, w.nodes...)
			w.over()
			return err
		},
		allows: allowance{linksCut: true},
		resume: 3 * time.Second,
	},
	{
		name: "daemon-stopped", about: "SIGSTOP of one daemon for 10 s: its screens go elsewhere, and it catches up",
		fault: func(ctx context.Context, w *world) error {
			return w.stopFor(ctx, 10*time.Second, w.nodes[1])
		},
		allows: allowance{linksCut: true},
		resume: screenSilence + 2*time.Second,
	},
	{
		name: "daemon-terminated", about: "SIGTERM of one daemon after the other under load, each replaced at once",
		fault: func(ctx context.Context, w *world) error {
			for _, n := range w.nodes {
				if err := w.replace(ctx, syscall.SIGTERM, 0, n); err != nil {
					return err
				}
			}
			return nil
		},
		allows: allowance{linksCut: true},
		resume: time.Second,
	},
	{
		name: "sessions-spread", about: "each request of a Socket.IO session goes to the next daemon, while one is killed, one terminated, one stopped",
		plan:   plan{balanced: true},
		fault:  func(ctx context.Context, w *world) error { return w.eachItsEnd(ctx) },
		allows: allowance{linksCut: true},
		resume: screenSilence + 2*time.Second,
	},
}

// eachItsEnd does to each daemon something else, one after the other, with a little time to come to rest between.
func (w *world) eachItsEnd(ctx context.Context) error {
	const rest = 2 * time.Second
	if err := errors.Join(w.replace(ctx, syscall.SIGKILL, 2*time.Second, w.nodes[0]), pause(ctx, rest)); err != nil {
		return err
	}
	if err := errors.Join(w.replace(ctx, syscall.SIGTERM, 0, w.nodes[1]), pause(ctx, rest)); err != nil {
		return err
	}
	if err := w.stopFor(ctx, 5*time.Second, w.nodes[2]); err != nil {
		return err
	}
	return w.spread(ctx)
}

// stopFor has a daemon stand still for a while.
func (w *world) stopFor(ctx context.Context, long time.Duration, n *node) error {
	if err := n.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	w.over()
	return errors.Join(pause(ctx, long), n.signal(syscall.SIGCONT))
}

// replace ends daemons, and starts them again after a while.
func (w *world) replace(ctx context.Context, sig syscall.Signal, after time.Duration, nodes ...*node) error {
	w.over()
	for _, n := range nodes {
		if err := n.end(ctx, sig); err != nil {
			return err
		}
	}
	if err := pause(ctx, after); err != nil {
		return err
	}
	for _, n := range nodes {
		if err := n.start(ctx); err != nil {
			return err
		}
	}
	return nil
}
