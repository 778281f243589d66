package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"notifier/cmd/notifier/chaos/link"
	"notifier/sql"
	"notifier/sql/pgbouncer"
	"notifier/sql/postgres"
)

//go:embed schema.sql
var schemaSQL string

//go:embed seed.sql
var seedSQL string

// The names in a world's database.
const (
	database    = "clinic"
	owner       = "clinic"
	app         = "clinic_app"
	runtimeRole = "notifier_runtime"
)

// daemonCount is three: one may die, another one be slow, and the third goes through PgBouncer.
const daemonCount = 3

// world is everything that one scenario plays in.
type world struct {
	dir     string
	seed    uint64
	changes int // to be committed
	rand    *rand.Rand
	plan    plan

	server  *postgres.Server
	standby *postgres.Server
	pooler  *pgbouncer.Bouncer
	nodes   []*node
	keys    *keyServer
	clinic  *clinic
	screens []*screen
	players []player // the same, as they are run

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

// node is a daemon and the links around it.
type node struct {
	*daemon
	base []*link.Link // to the database servers: its listener's, and its pool's unless that goes to the pooler
	pool *link.Link   // to the pooler, or nil
	door *link.Link   // screens to it
}

// links to whatever is behind the daemon.
func (n *node) links() []*link.Link {
	if n.pool == nil {
		return n.base
	}
	return append(slices.Clone(n.base), n.pool)
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
func open(ctx context.Context, dir string, o options, p plan) (w *world, err error) {
	w = &world{dir: dir, seed: o.seed, changes: o.changes, rand: rand.New(rand.NewPCG(o.seed, 1<<32)), plan: p} //nolint:gosec // repeatable
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
		n, err := w.newNode(ctx, i, o.binary)
		if err != nil {
			return w, err
		}
		w.nodes = append(w.nodes, n)
	}
	if p.before != nil {
		if err := p.before(ctx, w); err != nil {
			return w, err
		}
	}
	return w, w.startDaemons(ctx)
}

func (w *world) openDatabase(ctx context.Context) (err error) {
	settings := append([]string{
		"log_connections = on", "log_line_prefix = '%m [%p] '", "log_lock_waits = on", "deadlock_timeout = " + w.patience.String(),
		"wal_keep_size = 1GB", "synchronous_commit = on", "log_min_duration_statement = 100",
	}, w.plan.settings...)
	if w.server, err = postgres.Start(ctx, postgres.Options{Settings: settings}); err != nil {
		return err
	}
	for _, step := range []struct{ role, database, statements string }{
		{postgres.Superuser, "postgres", "CREATE ROLE clinic LOGIN CREATEROLE; CREATE ROLE clinic_app LOGIN"},
		{postgres.Superuser, "postgres", "CREATE DATABASE clinic OWNER clinic"},
		{owner, database, sql.Clinic},
		{owner, database, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clinic_app;" +
			"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clinic_app"},
		{owner, database, seedSQL},
	} {
		if err := execute(ctx, w.server.URL(step.role, step.database), step.statements); err != nil {
			return err
		}
	}
	migrator, err := sql.New(sql.Config{URL: w.server.URL(owner, database)})
	if err != nil {
		return err
	}
	if _, err := migrator.Up(ctx); err != nil {
		return err
	}
	if err := execute(ctx, w.server.URL(postgres.Superuser, database), schemaSQL+w.plan.sql); err != nil {
		return err
	}
	if w.plan.standby {
		w.standby, err = w.server.Standby(ctx, postgres.Options{Settings: settings})
		return err
	}
	w.pooler, err = pgbouncer.Start(ctx, pgbouncer.Options{ServerDir: w.server.SocketDir(), PoolMode: "transaction", PoolSize: 10})
	return err
}

func execute(ctx context.Context, url, statements string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements)
	return errors.Join(err, conn.Close(ctx))
}

// newNode prepares a daemon. The last one's pool goes through the pooler.
func (w *world) newNode(ctx context.Context, i int, binary string) (*node, error) {
	n := &node{daemon: &daemon{name: "daemon " + strconv.Itoa(i+1), binary: binary, env: w.plan.env[i]}}
	if other := w.plan.binary[i]; other != "" {
		n.binary = other
	}
	n.logPath = filepath.Join(w.dir, "daemon-"+strconv.Itoa(i+1)+".log")
	for _, server := range []*postgres.Server{w.server, w.standby} {
		if server != nil {
			l, err := w.link(ctx, link.To("unix", server.SocketDir()+"/.s.PGSQL.5432"))
			if err != nil {
				return nil, err
			}
			n.base = append(n.base, l)
		}
	}
	direct, err := linkURL(n.base)
	if err != nil {
		return nil, err
	}
	pool := direct
	if w.pooler != nil && i == daemonCount-1 {
		l, err := w.link(ctx, link.To("unix", w.pooler.SocketDir()+"/.s.PGSQL.5432"))
		if err != nil {
			return nil, err
		}
		n.pool = l
		if pool, err = linkURL([]*link.Link{l}); err != nil {
			return nil, err
		}
	}
	n.door, err = w.link(ctx, func(ctx context.Context) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", n.addr())
	})
	n.args = append([]string{
		"--database-url", pool, "--direct-url", direct, "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--drain", "2s",
		"--log-level", "debug", "--log-format", "json", "--ping-interval", screenPing.String(), "--ping-timeout", screenPing.String(),
	}, w.identity()...)
	n.args = append(n.args, w.plan.flags...)
	return n, err
}

func (w *world) identity() []string {
	if w.keys != nil {
		return []string{"--jwks-url", w.keys.url}
	}
	return []string{"--jwt-secret", secret}
}

// link runs a link until the world closes.
func (w *world) link(ctx context.Context, dial link.Dial) (*link.Link, error) {
	l, err := link.Listen(ctx, "127.0.0.1:0", dial)
	if err == nil {
		w.group.Go(func() error { return l.Run(ctx) })
	}
	return l, err
}

// linkURL leads the runtime role to the servers behind the links, whichever takes writes.
func linkURL(links []*link.Link) (string, error) {
	addresses := make([]string, len(links))
	for i, l := range links {
		addresses[i] = l.Addr()
	}
	return postgres.TCPURL(runtimeRole, database, addresses...)
}

func (w *world) startDaemons(ctx context.Context) error {
	for _, n := range w.nodes {
		if err := n.start(ctx); err != nil {
			return err
		}
	}
	for _, n := range w.nodes {
		if err := n.ready(ctx); err != nil {
			return err
		}
	}
	return nil
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
