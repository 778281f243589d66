package main

import (
	"context"
	"fmt"
	"strings"

	"notifier/cmd/notifier/bench/rig"
	"notifier/sql/postgres"
)

// lab is a private PostgreSQL with a database for each contender.
type lab struct {
	server *postgres.Server
}

// openLab starts the server. The caller must close it.
func openLab(ctx context.Context) (*lab, error) {
	server, err := rig.StartPostgres(ctx, rig.Steady...)
	if err != nil {
		return nil, err
	}
	return &lab{server: server}, nil
}

func (l *lab) close() error { return l.server.Stop() }

// open makes the database of a contender: the clinic's tables, and what the contender needs beside them.
func (l *lab) open(ctx context.Context, c contender) error {
	if err := rig.CreateClinic(ctx, l.server, c.database()); err != nil {
		return err
	}
	if err := c.install(ctx, l.url(rig.Owner, c)); err != nil {
		return fmt.Errorf("install %s: %w", c.name, err)
	}
	return nil
}

// tidy removes what the run before has left behind in a contender's tables.
func (l *lab) tidy(ctx context.Context, c contender) error {
	return rig.Execute(ctx, l.url(postgres.Superuser, c), "VACUUM ANALYZE")
}

func (l *lab) url(role string, c contender) string { return l.server.URL(role, c.database()) }

// database is a name that needs no quotes.
func (c contender) database() string { return strings.ReplaceAll(c.name, "-", "_") }
