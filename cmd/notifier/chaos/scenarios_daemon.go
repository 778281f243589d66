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
			n := w.nodes[1]
			if err := n.signal(syscall.SIGSTOP); err != nil {
				return err
			}
			w.over()
			return errors.Join(pause(ctx, 10*time.Second), n.signal(syscall.SIGCONT))
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
