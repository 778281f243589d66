package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
	"notifier/sql/postgres"
)

//go:embed log.sql
var logSQL string

//go:embed unreleased.sql
var unreleasedSQL string

// database is the clinic's.
const database = "clinic"

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
	binary, err := rig.Build(ctx, dir, rig.Daemon)
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
		d, err := newDaemon(name, binary, s.server.URL(rig.Runtime, database))
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

// openDatabase makes the clinic. Commits are written before they are acknowledged, since the server will crash; that they reach the disk does not matter,
// since the machine does not.
func (s *site) openDatabase(ctx context.Context) (err error) {
	s.server, err = rig.StartPostgres(ctx, "synchronous_commit = on", "shared_buffers = 256MB", "max_wal_size = 4GB")
	if err != nil {
		return err
	}
	if err := rig.CreateClinic(ctx, s.server, database); err != nil {
		return err
	}
	return rig.Migrate(ctx, s.server.URL(rig.Owner, database))
}

// gather makes the crowd.
func (s *site) gather(ctx context.Context, o options) (err error) {
	doors := make([]string, len(s.daemons))
	for i, d := range s.daemons {
		doors[i] = "ws://" + d.addr
	}
	s.crowd, err = bench.Gather(ctx, s.server.URL(rig.Owner, database), bench.Gathering{
		Doors: doors, Sources: o.sources, Token: rig.Token, Conns: o.conns, Accounts: o.accounts, Appointments: o.appointments(), Stay: o.stay, Away: o.away,
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
	conn, err := pgx.Connect(ctx, s.server.URL(rig.Owner, database))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if err := conn.QueryRow(ctx, unreleasedSQL).Scan(&n); err != nil {
		return 0, fmt.Errorf("count busy doctors: %w", err)
	}
	return n, nil
}
