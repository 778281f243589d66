package notifier

import (
	"context"
	"errors"
	"strings"
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

var (
	errQueryTimeout = errors.New("database did not answer in time")
	// errDatabaseURL stands for pgx's own error, which repeats the URL and hides passwords as well as it can guess.
	errDatabaseURL = errors.New("read database URL: it is no PostgreSQL URL, or one of its pool_ settings is wrong")
)

// parseURL reads a URL that may hold a pool's settings.
func parseURL(url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errDatabaseURL
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	return cfg, nil
}

// OpenPool prepares the pool of the runtime role. It does not connect: a database that is away is the
// feed's to wait for.
func OpenPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "notifier serve"
	}
	cfg.AfterConnect = prepareSession
	return pgxpool.NewWithConfig(ctx, cfg)
}

// prepareSession sets what our statements are written for, whatever the role's or database's defaults are. Their
// plans are made while the tables are empty and kept for hours, so never by sequential scans. A statement and no
// startup parameter, because PgBouncer refuses those.
func prepareSession(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET default_transaction_isolation = 'read committed'; SET enable_seqscan = off; SET jit = off")
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

// isStatementFault tells whether the statement is at fault (data, view, lock, timeout) and not the server, the
// session or the link: then asking again gives the same answer, and asking in another way can help. The clinic's
// view may raise any SQLSTATE for one of its rows, so an ERROR is a fault of the statement whatever its class.
func isStatementFault(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.SeverityUnlocalized == "FATAL" { // which ends the session, or refuses one
		return false
	}
	switch pgErr.Code[:min(2, len(pgErr.Code))] {
	case "", "25", "26": // transaction state (a standby), statement name (a pooler)
		return false
	case "57": // intervention; but query_canceled is also what statement_timeout raises
		return pgErr.Code == "57014"
	}
	return true
}

// IsNotMigrated tells whether an error means that the database lacks our schema, or the role, or the role its rights.
func IsNotMigrated(err error) bool {
	switch sqlState(err) {
	case "42P01", "3F000", "42883", "42501", "42703", // undefined table, schema, function, column; no privilege
		"28000", "28P01", "3D000": // no such role, or it is refused; no such database
		return true
	}
	return false
}

// concealed is an error without what PostgreSQL says in it: the clinic's view, rule and triggers run inside our
// statements, and their messages may quote a patient. The SQLSTATE stays; messages that end a session are the server's
// own and stay, too.
type concealed struct {
	err  error
	text string
}

func (c concealed) Error() string { return c.text }
func (c concealed) Unwrap() error { return c.err }

// conceal is for every error that goes into a log or leaves the package.
func conceal(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.SeverityUnlocalized == "FATAL" {
		return err
	}
	return concealed{err, strings.ReplaceAll(err.Error(), pgErr.Error(), "SQLSTATE "+pgErr.Code)}
}
