package main

import (
	"context"
	"errors"
	"fmt"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
	"notifier/sql/postgres"
)

const database = "clinic"

// site is one database, on which so many daemons run as are wanted.
type site struct {
	server  *postgres.Server
	binary  string
	sources int // see bench.Target
}

// openSite starts PostgreSQL, and builds the daemon into dir. The caller must close it.
func openSite(ctx context.Context, dir string, sources int) (s *site, err error) {
	s = &site{sources: sources}
	if s.binary, err = rig.Build(ctx, dir, rig.Daemon); err != nil {
		return nil, err
	}
	if s.server, err = rig.StartPostgres(ctx, rig.Steady...); err != nil {
		return nil, err
	}
	if err = rig.CreateClinic(ctx, s.server, database); err == nil {
		err = rig.Migrate(ctx, s.url(rig.Owner))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), s.close())
	}
	return s, nil
}

func (s *site) close() error { return s.server.Stop() }

func (s *site) url(role string) string { return s.server.URL(role, database) }

// fleet are the daemons of some runs.
type fleet []*rig.Child

// serve tidies the tables up and starts n daemons. The caller must end them.
func (s *site) serve(ctx context.Context, n int) (f fleet, err error) {
	if err := rig.Execute(ctx, s.url(postgres.Superuser), "VACUUM ANALYZE"); err != nil {
		return nil, fmt.Errorf("tidy up: %w", err)
	}
	for i := range n {
		d, err := rig.Serve(ctx, fmt.Sprintf("daemon-%d", i+1), s.binary, s.url(rig.Runtime))
		if err != nil {
			f.end()
			return nil, err
		}
		f = append(f, d)
	}
	return f, nil
}

func (f fleet) end() {
	for _, d := range f {
		d.End()
	}
}

// target is all daemons together. Sockets go to all of them or, where they are not spread, to the first.
func (s *site) target(f fleet, protocol string, spread bool) bench.Target {
	t := bench.Target{
		URL: f[0].URL(), Protocol: protocol, Sources: s.sources, Token: rig.Token, PID: f[0].PID(), Postgres: s.server.PID(),
	}
	for _, d := range f[1:] {
		peer := bench.Peer{PID: d.PID()}
		if spread {
			peer.URL = d.URL()
		}
		t.Peers = append(t.Peers, peer)
	}
	return t
}
