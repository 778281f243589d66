package notifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectTimeout applies where the connection string names none.
	connectTimeout = 5 * time.Second
	// queryTimeout bounds every statement of the loop. They take milliseconds; a link that swallows an
	// answer is found by it.
	queryTimeout = 5 * time.Second
)

var errQueryTimeout = errors.New("database did not answer in time")

// OpenPool prepares the pool of the runtime role. It does not connect: a database that is away is the
// feed's to wait for.
func OpenPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err)
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "notifier serve"
	}
	cfg.AfterConnect = prepareSession
	return pgxpool.NewWithConfig(ctx, cfg)
}

// prepareSession sets what our statements are written for, whatever the role's or database's defaults are.
// A statement and no startup parameter, because PgBouncer refuses those.
func prepareSession(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET default_transaction_isolation = 'read committed'; SET jit = off")
	return err
}

// withQueryTimeout bounds one statement.
func withQueryTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, queryTimeout, errQueryTimeout)
}

// sqlState is the SQLSTATE of an error that PostgreSQL reported, "" for any other.
func sqlState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// isStatementFault tells whether the statement is at fault (data, view, lock, timeout) and not the server or the
// link to it: then the session still works, and asking in another way can help.
func isStatementFault(err error) bool {
	state := sqlState(err)
	if len(state) != 5 {
		return false
	}
	switch state[:2] {
	case "08", "25", "53", "57", "58", "XX": // connection, read-only, resources, intervention, system, internal
		return state == "57014" // query_canceled is also what statement_timeout raises
	}
	return true
}

// IsNotMigrated tells whether an error means that the database lacks our schema or the role lacks its rights.
func IsNotMigrated(err error) bool {
	switch sqlState(err) {
	case "42P01", "3F000", "42883", "42501", "42703": // undefined table, schema, function, column; no privilege
		return true
	}
	return false
}
