package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/auth"
	"notifier/cmd/notifier/bench"
	"notifier/sql"
	"notifier/sql/postgres"
)

//go:embed log.sql
var logSQL string

//go:embed unreleased.sql
var unreleasedSQL string

// The names in the site's PostgreSQL.
const (
	database = "clinic"
	owner    = "clinic" // has the clinic's tables, and is no superuser
	runtimer = "notifier_runtime"
)

// secret signs the tokens of the crowd. It protects nothing: all that it opens is made for a soak and removed after it.
const secret = "soak-5d0c6f1be2a9471f8d3370c5e8b64a12" //nolint:gosec // as above

func token(account int64) (string, error) {
	return auth.Sign([]byte(secret), auth.Claims{Account: strconv.FormatInt(account, 10), Subject: "7", TTL: 24 * time.Hour})
}

// daemonNames are those of the daemons: no fault ends the first.
var daemonNames = []string{"first", "second"}

// site is what a soak plays on. Its faults run one after the other.
type site struct {
	server  *postgres.Server
	daemons []*daemon
	crowd   *bench.Crowd
}

// steady is the daemon that lives through everything, mortal the one that does not.
func (s *site) steady() *daemon { return s.daemons[0] }
func (s *site) mortal() *daemon { return s.daemons[1] }

// openSite starts PostgreSQL and two daemons, whose program it builds into dir. The caller must close it.
func openSite(ctx context.Context, dir string) (s *site, err error) {
	binary, err := build(ctx, dir)
	if err != nil {
		return nil, err
	}
	s = &site{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.openDatabase(ctx); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	for _, name := range daemonNames {
		d, err := newDaemon(name, binary, "NOTIFIER_DATABASE_URL="+s.server.URL(runtimer, database), "NOTIFIER_JWT_SECRET="+secret)
		if err != nil {
			return nil, err
		}
		s.daemons = append(s.daemons, d)
		if err := d.start(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// build compiles the daemon as a release is compiled.
func build(ctx context.Context, dir string) (path string, err error) {
	path = filepath.Join(dir, "notifier")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, "notifier/cmd/notifier")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build notifier: %w: %s", err, out)
	}
	return path, nil
}

// openDatabase makes the clinic. Commits are written before they are acknowledged, since the server will crash; that they reach the disk does not matter,
// since the machine does not.
func (s *site) openDatabase(ctx context.Context) (err error) {
	s.server, err = postgres.Start(ctx, postgres.Options{Settings: []string{"synchronous_commit = on", "shared_buffers = 256MB", "max_wal_size = 4GB"}})
	if err != nil {
		return err
	}
	for _, step := range []struct{ role, database, statements string }{
		{postgres.Superuser, "postgres", "CREATE ROLE " + owner + " LOGIN CREATEROLE"},
		{postgres.Superuser, "postgres", "CREATE DATABASE " + database + " OWNER " + owner},
		{owner, database, sql.Clinic},
	} {
		if err := s.execute(ctx, step.role, step.database, step.statements); err != nil {
			return err
		}
	}
	migrator, err := sql.New(sql.Config{URL: s.server.URL(owner, database)})
	if err != nil {
		return err
	}
	_, err = migrator.Up(ctx)
	return err
}

// gather makes the crowd.
func (s *site) gather(ctx context.Context, o options) (err error) {
	doors := make([]string, len(s.daemons))
	for i, d := range s.daemons {
		doors[i] = "ws://" + d.addr
	}
	s.crowd, err = bench.Gather(ctx, s.server.URL(owner, database), bench.Gathering{
		Doors: doors, Sources: o.sources, Token: token, Conns: o.conns, Accounts: o.accounts, Appointments: o.appointments(), Stay: o.stay, Away: o.away,
	})
	return err
}

// close ends whatever was started.
func (s *site) close() (err error) {
	if s.crowd != nil {
		s.crowd.Close()
	}
	for _, d := range s.daemons {
		d.kill()
	}
	if s.server != nil {
		err = s.server.Stop()
	}
	return err
}

func (s *site) execute(ctx context.Context, role, database, statements string) error {
	conn, err := pgx.Connect(ctx, s.server.URL(role, database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements)
	return errors.Join(err, conn.Close(ctx))
}

// log is the daemons' log in its order.
func (s *site) log(ctx context.Context) (log []entry, err error) {
	conn, err := pgx.Connect(ctx, s.server.URL(postgres.Superuser, database))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, logSQL)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	log, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e entry, err error) { return e, row.Scan(&e.account, &e.appointment) })
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return log, nil
}

// unreleased counts the doctors who are busy with nothing.
func (s *site) unreleased(ctx context.Context) (n int, err error) {
	conn, err := pgx.Connect(ctx, s.server.URL(owner, database))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if err := conn.QueryRow(ctx, unreleasedSQL).Scan(&n); err != nil {
		return 0, fmt.Errorf("count busy doctors: %w", err)
	}
	return n, nil
}
