// Package pgtest gives every test a database of its own on a private PostgreSQL server, cloned from a
// template in about 0.1 s. A test binary calls Main from TestMain; the server starts with the first database.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"notifier/sql"
	"notifier/sql/postgres"
)

// The roles of every test database. The clinic owns its tables and may create roles; it is no superuser.
const (
	Superuser = postgres.Superuser
	Owner     = "clinic"
	App       = "clinic_app" // reads and writes the clinic's tables, has no right on schema notifier
	Runtime   = "notifier_runtime"
)

var cluster struct {
	once   sync.Once
	server *postgres.Server
	err    error
	count  atomic.Int64
}

// Main runs the tests of a package, ends the server and the process.
func Main(m *testing.M) { os.Exit(Tests{m}.Run()) }

// Tests is a testing.M that ends the server, for packages whose TestMain does more.
type Tests struct{ M *testing.M }

// Run runs the tests, ends the server and returns the exit status.
func (t Tests) Run() int {
	code := t.M.Run()
	if cluster.server != nil {
		if err := cluster.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// DB is one database. Its methods fail the test instead of returning errors.
type DB struct {
	t      testing.TB
	Name   string
	server *postgres.Server
}

// Empty is a database that Owner owns and nothing is in.
func Empty(t testing.TB) *DB { return clone(t, "template_empty") }

// Clinic is a database with the clinic's tables and no rows but the statuses.
func Clinic(t testing.TB) *DB { return clone(t, "template_clinic") }

// Migrated is a Clinic with notifier installed.
func Migrated(t testing.TB) *DB { return clone(t, "template_migrated") }

// Server is the server that the databases are on.
func Server(t testing.TB) *postgres.Server {
	t.Helper()
	cluster.once.Do(func() { cluster.server, cluster.err = start() })
	if cluster.err != nil {
		t.Fatalf("start PostgreSQL (`make test` installs it): %v", cluster.err)
	}
	return cluster.server
}

func clone(t testing.TB, template string) *DB {
	t.Helper()
	server := Server(t)
	db := &DB{t: t, server: server, Name: fmt.Sprintf("test_%d", cluster.count.Add(1))}
	admin := connect(t, server.URL(Superuser, "postgres"))
	defer admin.Close(context.Background()) //nolint:errcheck // a test's connection
	exec(t, admin, "CREATE DATABASE "+db.Name+" TEMPLATE "+template+" OWNER "+Owner)
	t.Cleanup(func() {
		admin := connect(t, server.URL(Superuser, "postgres"))
		defer admin.Close(context.Background()) //nolint:errcheck // a test's connection
		exec(t, admin, "DROP DATABASE IF EXISTS "+db.Name+" WITH (FORCE)")
	})
	return db
}

// Copy is another database with all that is in this one, as a restored backup would be. Nobody may be connected to this one.
func (db *DB) Copy() *DB {
	db.t.Helper()
	return clone(db.t, db.Name)
}

// URL is a connection string for one of the roles.
func (db *DB) URL(role string) string { return db.server.URL(role, db.Name) }

// Pool opens a pool as a role; the test closes it.
func (db *DB) Pool(role string) *pgxpool.Pool {
	db.t.Helper()
	pool, err := pgxpool.New(context.Background(), db.URL(role))
	if err != nil {
		db.t.Fatal(err)
	}
	db.t.Cleanup(pool.Close)
	return pool
}

// Connect opens one connection as a role; the test closes it.
func (db *DB) Connect(role string) *pgx.Conn {
	db.t.Helper()
	conn := connect(db.t, db.URL(role))
	db.t.Cleanup(func() { _ = conn.Close(context.Background()) }) // some tests have closed or killed it by then
	return conn
}

// Exec runs statements as a role on a connection of their own.
func (db *DB) Exec(role, statements string, args ...any) {
	db.t.Helper()
	conn := connect(db.t, db.URL(role))
	defer conn.Close(context.Background()) //nolint:errcheck // a test's connection
	exec(db.t, conn, statements, args...)
}

// Get reads one value as the superuser.
func Get[T any](db *DB, query string, args ...any) T {
	db.t.Helper()
	conn := connect(db.t, db.URL(Superuser))
	defer conn.Close(context.Background()) //nolint:errcheck // a test's connection
	var value T
	if err := conn.QueryRow(context.Background(), query, args...).Scan(&value); err != nil {
		db.t.Fatalf("%s: %v", query, err)
	}
	return value
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, statements string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), statements, args...); err != nil {
		t.Fatalf("%.200s: %v", statements, err)
	}
}

func start() (*postgres.Server, error) {
	ctx := context.Background()
	server, err := postgres.Start(ctx, postgres.Options{})
	if err != nil {
		return nil, err
	}
	for _, step := range []struct{ role, database, statements string }{
		{Superuser, "postgres", "CREATE ROLE clinic LOGIN CREATEROLE; CREATE ROLE clinic_app LOGIN"},
		{Superuser, "postgres", "CREATE DATABASE template_empty OWNER clinic"},
		{Superuser, "postgres", "CREATE DATABASE template_clinic OWNER clinic"},
		{Owner, "template_clinic", sql.Clinic},
		{Owner, "template_clinic", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clinic_app;" +
			"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clinic_app"},
		{Superuser, "postgres", "CREATE DATABASE template_migrated TEMPLATE template_clinic OWNER clinic"},
	} {
		if err := run(ctx, server.URL(step.role, step.database), step.statements); err != nil {
			return server, fmt.Errorf("prepare templates: %w", err)
		}
	}
	migrator, err := sql.New(sql.Config{URL: server.URL(Owner, "template_migrated")})
	if err != nil {
		return server, err
	}
	if _, err := migrator.Up(ctx); err != nil {
		return server, fmt.Errorf("migrate template: %w", err)
	}
	// So that tests can name events: otherwise the first epoch is the time of the migration. And the bell rings as if a
	// daemon were there.
	return server, run(ctx, server.URL(Superuser, "template_migrated"),
		"UPDATE notifier.head SET epoch = 1; UPDATE notifier.setting SET bell_until = 'infinity'")
}

func run(ctx context.Context, url, statements string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements)
	if closeErr := conn.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}
