package main

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"notifier/sql"
	"notifier/sql/postgres"
)

//go:embed variants
var files embed.FS

// A variant is one way to ring. Its file changes what the migrations installed; the installed one has none.
type variant struct{ name, file string }

var variants = []variant{
	{"no trigger", "none"},
	{"row only (bell off)", "row"},
	{"installed: try-lock, key of 20 ms", ""},
	{"try-lock, key of 1 ms", "fine"},
	{"try-lock, one key", "fixed"},
	{"deferred trigger on staging, one key", "deferred"},
	{"NOTIFY in each transaction", "plain"},
}

const (
	owner    = "clinic"
	database = "clinic"
)

// bench is a migrated clinic on a server of its own.
type bench struct {
	server    *postgres.Server
	installed string // the ring function as the migrations made it
}

func start(ctx context.Context) (*bench, error) {
	server, err := postgres.Start(ctx, postgres.Options{Durable: true, Settings: []string{
		"shared_buffers = 256MB", "max_wal_size = 8GB", "checkpoint_timeout = 1h", "autovacuum = off",
	}})
	if err != nil {
		return nil, err
	}
	b := &bench{server: server}
	if err := b.prepare(ctx); err != nil {
		return b, fmt.Errorf("prepare clinic: %w", err)
	}
	return b, nil
}

func (b *bench) prepare(ctx context.Context) error {
	if err := b.exec(ctx, postgres.Superuser, "postgres", "CREATE ROLE clinic LOGIN CREATEROLE"); err != nil {
		return err
	}
	if err := b.exec(ctx, postgres.Superuser, "postgres", "CREATE DATABASE clinic OWNER clinic"); err != nil {
		return err
	}
	if err := b.exec(ctx, owner, database, sql.Clinic+read("clinic.sql")); err != nil {
		return err
	}
	migrator, err := sql.New(sql.Config{URL: b.server.URL(owner, database)})
	if err != nil {
		return err
	}
	if _, err := migrator.Up(ctx); err != nil {
		return err
	}
	if err := b.exec(ctx, postgres.Superuser, database, "UPDATE notifier.setting SET bell_until = 'infinity'; VACUUM ANALYZE"); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, b.server.URL(postgres.Superuser, database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // read only
	return conn.QueryRow(ctx, "SELECT pg_get_functiondef('notifier.ring'::regproc)").Scan(&b.installed)
}

// use turns the clinic into a variant.
func (b *bench) use(ctx context.Context, v variant) error {
	statements := b.installed + ";" + read("reset.sql")
	if v.file != "" {
		statements += read(v.file + ".sql")
	}
	if err := b.exec(ctx, postgres.Superuser, database, statements); err != nil {
		return fmt.Errorf("turn to %q: %w", v.name, err)
	}
	return nil
}

func (b *bench) exec(ctx context.Context, role, database, statements string) error {
	conn, err := pgx.Connect(ctx, b.server.URL(role, database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the statements have committed
	_, err = conn.Exec(ctx, statements)
	return err
}

func read(name string) string {
	text, err := files.ReadFile("variants/" + name)
	if err != nil {
		panic(err) // the file is part of this program
	}
	return strings.TrimSpace(string(text)) + "\n"
}
