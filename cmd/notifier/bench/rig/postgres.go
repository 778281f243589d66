package rig

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"notifier/sql"
	"notifier/sql/postgres"
)

// The roles beside the superuser.
const (
	Owner   = "clinic"           // has the clinic's tables. It is no superuser, and may create the role that the daemon runs as
	Runtime = "notifier_runtime" // the daemon's, there from Migrate on
)

// Steady are settings for figures that are to be compared: nothing waits for a disk, and neither a checkpoint nor autovacuum falls into one run and not into
// another. Who uses them does the latter's work between runs.
var Steady = []string{
	"synchronous_commit = off", "shared_buffers = 256MB", "max_connections = 100", "max_wal_size = 8GB", "checkpoint_timeout = 1h", "autovacuum = off",
}

// StartPostgres starts a private server that has the role Owner. The caller must Stop it.
func StartPostgres(ctx context.Context, settings ...string) (*postgres.Server, error) {
	server, err := postgres.Start(ctx, postgres.Options{Settings: settings})
	if err != nil {
		return nil, err
	}
	if err := Execute(ctx, server.URL(postgres.Superuser, "postgres"), "CREATE ROLE "+Owner+" LOGIN CREATEROLE"); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

// CreateClinic makes a database with the clinic's tables. Its name is one that needs no quotes.
func CreateClinic(ctx context.Context, server *postgres.Server, database string) error {
	if err := Execute(ctx, server.URL(postgres.Superuser, "postgres"), "CREATE DATABASE "+database+" OWNER "+Owner); err != nil {
		return err
	}
	return Execute(ctx, server.URL(Owner, database), sql.Clinic)
}

// Migrate installs notifier, as the owner of the clinic's tables.
func Migrate(ctx context.Context, url string) error {
	migrator, err := sql.New(sql.Config{URL: url})
	if err != nil {
		return err
	}
	_, err = migrator.Up(ctx)
	return err
}

// Execute runs statements on a connection of their own.
func Execute(ctx context.Context, url, statements string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements)
	return errors.Join(err, conn.Close(ctx))
}
