package main

import (
	"context"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"
)

// What happens to the screens.
var screenScenarios = []*scenario{
	{
		name: "screens-cut", about: "every second, half of the screens lose their connection", short: true,
		fault: func(ctx context.Context, w *world) error {
			return w.every(ctx, time.Second, 10*time.Second, func() error {
				for range len(w.screens) / 2 / len(w.nodes) {
					w.doorsCutOne()
				}
				return nil
			})
		},
		allows: allowance{linksCut: true},
		resume: time.Second,
	},
	{
		name: "screens-half-open", about: "every second, some connections of screens are forgotten on their way",
		fault: func(ctx context.Context, w *world) error {
			return w.every(ctx, time.Second, 10*time.Second, func() error {
				for _, n := range w.nodes {
					n.door.SwallowOne(w.rand)
				}
				return nil
			})
		},
		allows: allowance{linksCut: true},
		resume: screenSilence + time.Second,
	},
	{
		name: "screens-deaf", about: "60 more screens of all accounts read nothing",
		fault: func(ctx context.Context, w *world) error { return w.deafScreens(ctx) },
	},
	{
		name: "keys-away", about: "the identity provider is away while all screens come back, again and again",
		plan: plan{jwks: true},
		fault: func(ctx context.Context, w *world) error {
			w.keys.away.Store(true)
			err := w.every(ctx, 500*time.Millisecond, 10*time.Second, func() error {
				for _, n := range w.nodes {
					n.door.Cut()
				}
				return nil
			})
			w.over()
			w.keys.away.Store(false)
			return err
		},
		allows: allowance{linksCut: true},
		resume: time.Second,
	},
}

// doorsCutOne cuts one screen of each daemon.
func (w *world) doorsCutOne() {
	for _, n := range w.nodes {
		n.door.CutOne(w.rand)
	}
}

// doorsShut keeps all screens away, or lets them come again.
func (w *world) doorsShut(shut bool) {
	for _, n := range w.nodes {
		n.door.Refuse(shut)
		if shut {
			n.door.Cut()
		}
	}
}

// deafScreens connect, and then read nothing for 15 s.
func (w *world) deafScreens(ctx context.Context) error {
	var group errgroup.Group
	for i := range 60 {
		token, err := w.token(w.screens[i%len(w.screens)].account)
		if err != nil {
			return err
		}
		address := w.nodes[i%len(w.nodes)].addr()
		group.Go(func() error {
			conn, _, err := websocket.Dial(ctx, "ws://"+address+"/ws", bearer(token))
			if err != nil {
				return err
			}
			defer conn.CloseNow() //nolint:errcheck // nobody is to hear of it
			return pause(ctx, 15*time.Second)
		})
	}
	return group.Wait()
}
