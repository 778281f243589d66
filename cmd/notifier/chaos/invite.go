package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"notifier/auth"
)

// invite makes the screens: of every account and protocol some, each with a daemon that it prefers.
func (w *world) invite(ctx context.Context) error {
	for _, protocol := range w.protocols {
		seat, err := w.host(ctx, protocol)
		if err != nil {
			return err
		}
		for account := 1; account <= accounts; account++ {
			name := strconv.Itoa(account)
			token, err := w.token(name)
			if err != nil {
				return err
			}
			for i := range perAccount {
				s := &screen{name: fmt.Sprintf("%s %d of account %s", protocol, i+1, name), account: name}
				w.screens = append(w.screens, s)
				if err := seat(s, token, account+i); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// host is how a screen of the protocol takes part: as a player of its own, or as one of many.
func (w *world) host(ctx context.Context, protocol string) (seat func(s *screen, token string, home int) error, err error) {
	switch protocol {
	case "ws":
		return func(s *screen, token string, home int) error {
			w.players = append(w.players, &plain{
				screen: s, token: token, doors: w.doors, home: home, silence: 2*screenPing + w.pingTimeout, rand: w.randomOf(len(w.screens)),
			})
			return nil
		}, nil
	case "socketio":
		doors, kinds := w.doors, [][]string{webSocketOnly, byDefault}
		if w.balancer != nil {
			doors, kinds = w.balancer.doors, [][]string{pollingOnly, byDefault}
		}
		stock, err := newStock(ctx, doors, w.randomOf(0), kinds...)
		if err != nil {
			return nil, err
		}
		w.players = append(w.players, stock)
		return func(s *screen, token string, home int) error {
			way, err := w.link(ctx, nil) // where it leads is the visit's own affair
			if err == nil {
				stock.invite(s, token, way, home)
			}
			return err
		}, nil
	default:
		return nil, fmt.Errorf("invite screens: no protocol is called %q", protocol)
	}
}

// randomOf is the n-th screen's own randomness.
func (w *world) randomOf(n int) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed, 1000+uint64(n))) //nolint:gosec // repeatable
}

func (w *world) token(account string) (string, error) {
	if w.keys != nil {
		return w.keys.sign(account)
	}
	// Issued two hours ago: a daemon whose clock is behind rightly refuses a token from its future.
	issued := func() time.Time { return time.Now().Add(-2 * time.Hour) }
	return auth.Sign([]byte(secret), auth.Claims{Account: account, Subject: "chaos", TTL: 24 * time.Hour, Now: issued})
}
