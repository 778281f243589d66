package main

import (
	"context"
	_ "embed"
	"errors"

	"github.com/jackc/pgx/v5"

	"notifier/cmd/notifier/chaos/link"
	"notifier/cmd/notifier/leaktest"
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

func (w *world) openDatabase(ctx context.Context) (err error) {
	settings := append([]string{
		"log_connections = on", "log_line_prefix = '%m [%p] '", "log_lock_waits = on", "deadlock_timeout = " + max(w.patience, w.plan.patience).String(),
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
	if err := w.noteSecrets(ctx); err != nil {
		return err
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
		w.standby, err = w.server.Standby(ctx, postgres.Options{Settings: append(settings, w.plan.replica...)})
		return err
	}
	return w.openPooler(ctx)
}

// noteSecrets says what must not be in the daemons' logs.
func (w *world) noteSecrets(ctx context.Context) error {
	return errors.Join(leaktest.Secret(leaktest.Key, secret), leaktest.Patients(ctx, w.server.URL(owner, database)))
}

// openPooler starts PgBouncer, and leads whoever goes through one there.
func (w *world) openPooler(ctx context.Context) (err error) {
	w.pooler, err = pgbouncer.Start(ctx, pgbouncer.Options{ServerDir: w.server.SocketDir(), PoolMode: "transaction", PoolSize: 10})
	if err != nil {
		return err
	}
	for _, n := range w.nodes {
		if n.pool != nil {
			n.pool.Retarget(link.To("unix", w.pooler.SocketDir()+"/.s.PGSQL.5432"))
		}
	}
	return nil
}

func execute(ctx context.Context, url, statements string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements)
	return errors.Join(err, conn.Close(ctx))
}
