package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"notifier/sql"
	"notifier/sql/postgres"
)

// owner has the clinic's tables. It is no superuser, and may create the role that the daemon runs as.
const owner = "clinic"

// lab is a private PostgreSQL with a database for each contender.
type lab struct {
	server *postgres.Server
}

// openLab starts the server. The caller must close it. Nothing waits for a disk, and neither a checkpoint nor autovacuum falls into one run and not into
// another: tidy does the latter's work.
func openLab(ctx context.Context) (*lab, error) {
	server, err := postgres.Start(ctx, postgres.Options{Settings: []string{
		"synchronous_commit = off", "shared_buffers = 256MB", "max_connections = 100", "max_wal_size = 8GB", "checkpoint_timeout = 1h",
		"autovacuum = off",
	}})
	if err != nil {
		return nil, err
	}
	l := &lab{server: server}
	if err := execute(ctx, server.URL(postgres.Superuser, "postgres"), "CREATE ROLE "+owner+" LOGIN CREATEROLE"); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) close() error { return l.server.Stop() }

// open makes the database of a contender: the clinic's tables, and what the contender needs beside them.
func (l *lab) open(ctx context.Context, c contender) error {
	if err := execute(ctx, l.server.URL(postgres.Superuser, "postgres"), "CREATE DATABASE "+c.database()+" OWNER "+owner); err != nil {
		return err
	}
	url := l.url(owner, c)
	if err := execute(ctx, url, sql.Clinic); err != nil {
		return err
	}
	if err := c.install(ctx, url); err != nil {
		return fmt.Errorf("install %s: %w", c.name, err)
	}
	return nil
}

// tidy removes what the run before has left behind in a contender's tables.
func (l *lab) tidy(ctx context.Context, c contender) error {
	return execute(ctx, l.url(postgres.Superuser, c), "VACUUM ANALYZE")
}

func (l *lab) url(role string, c contender) string { return l.server.URL(role, c.database()) }

// database is a name that needs no quotes.
func (c contender) database() string { return strings.ReplaceAll(c.name, "-", "_") }

func execute(ctx context.Context, url, statements string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements)
	return errors.Join(err, conn.Close(ctx))
}
