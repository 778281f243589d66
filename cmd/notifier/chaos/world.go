package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"notifier/sql/pgbouncer"
	"notifier/sql/postgres"
)

// world is everything that one scenario plays in.
type world struct {
	options
	plan plan
	rand *rand.Rand

	server  *postgres.Server
	standby *postgres.Server
	pooler  *pgbouncer.Bouncer
	nodes   []*node
	keys    *keyServer
	clinic  *clinic
	screens []*screen
	players []player // the same, as they are run

	balancer *balancer // before the daemons, for the stock screens; nil: each of them has a way of its own

	group *errgroup.Group // links

	mu       sync.Mutex
	promoted bool
	overAt   time.Time
	notes    []string
}

// player is a screen that can be run.
type player interface {
	run(ctx context.Context) error
}

// over says from when on delivery should work again. Who speaks last counts.
func (w *world) over() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.overAt = time.Now()
}

// note is for the verdict.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// primary is the server that takes writes, or will when it is back.
func (w *world) primary() *postgres.Server {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.promoted {
		return w.standby
	}
	return w.server
}

// promote makes the standby the primary.
func (w *world) promote(ctx context.Context) error {
	if err := w.standby.Promote(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.promoted = true
	return nil
}

// open builds a world up to daemons that are ready.
func open(ctx context.Context, o options, p plan) (w *world, err error) {
	w = &world{options: o, plan: p, rand: rand.New(rand.NewPCG(o.seed, 1<<32))} //nolint:gosec // repeatable
	w.group, ctx = errgroup.WithContext(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if err := w.openDatabase(ctx); err != nil {
		return w, fmt.Errorf("open the database: %w", err)
	}
	if p.jwks {
		if w.keys, err = newKeyServer(ctx); err != nil {
			return w, err
		}
	}
	for i := range daemonCount {
		n, err := w.newNode(ctx, i)
		if err != nil {
			return w, err
		}
		w.nodes = append(w.nodes, n)
	}
	if p.balanced {
		if err := w.balance(ctx); err != nil {
			return w, err
		}
	}
	if p.before != nil {
		if err := p.before(ctx, w); err != nil {
			return w, err
		}
	}
	return w, w.startDaemons(ctx)
}

// doors are where screens reach the daemons.
func (w *world) doors() []door {
	doors := make([]door, len(w.nodes))
	for i, n := range w.nodes {
		doors[i] = door{n.name, n.door.Addr()}
	}
	return doors
}

// admin runs statements as the superuser on the server that takes writes.
func (w *world) admin(ctx context.Context, statements string) error {
	return execute(ctx, w.primary().URL(postgres.Superuser, database), statements)
}

// close ends whatever was started.
func (w *world) close() error {
	for _, n := range w.nodes {
		n.kill()
	}
	var err error
	if w.keys != nil {
		err = w.keys.close()
	}
	if w.pooler != nil {
		err = errors.Join(err, w.pooler.Stop())
	}
	for _, server := range []*postgres.Server{w.server, w.standby} {
		if server != nil {
			err = errors.Join(err, keepLog(server, w.dir), server.Stop())
		}
	}
	return err
}

// keepLog saves what a server has logged, for the story.
func keepLog(server *postgres.Server, dir string) error {
	return os.WriteFile(filepath.Join(dir, filepath.Base(server.SocketDir())+".log"), []byte(server.Log()), 0o600)
}
