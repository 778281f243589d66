package notifier

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectTimeout applies, for each host, where the connection string names none.
	connectTimeout = 2 * time.Second
	// queryTimeout bounds a statement. They take milliseconds; a link that swallows an answer is found by it.
	queryTimeout = 2 * time.Second
	// acquireTimeout bounds the wait for a connection, which ends sooner: every host has its connectTimeout. It must not
	// be shorter than theirs together, or a first host that is gone without a word would hide the others.
	acquireTimeout = 30 * time.Second
	// pingTimeout bounds the pool's own look at a connection that was idle for a second.
	pingTimeout = time.Second
	// longTimeout bounds a statement that was slow before, or may be.
	longTimeout = 10 * time.Second
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
	if cfg.ConnConfig.ValidateConnect == nil && hasSeveralHosts(cfg.ConnConfig) {
		cfg.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite // else the first is good, standby or not
	}
	dialer := net.Dialer{Timeout: cfg.ConnConfig.ConnectTimeout} // for requests to cancel, too
	cfg.ConnConfig.DialFunc = dialer.DialContext
	return cfg, nil
}

// hasSeveralHosts: fallbacks are also made for a second try without TLS.
func hasSeveralHosts(cfg *pgx.ConnConfig) bool {
	return slices.ContainsFunc(cfg.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.Host != cfg.Host || f.Port != cfg.Port })
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
	if cfg.PingTimeout == 0 {
		cfg.PingTimeout = pingTimeout
	}
	new(sessions).attend(cfg, url)
	return pgxpool.NewWithConfig(ctx, cfg)
}

// withQueryTimeout bounds one statement, the wait for its connection included.
func withQueryTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, queryTimeout, errQueryTimeout)
}

// withLongTimeout bounds one statement that waits for the disk, and that no event waits for.
func withLongTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, longTimeout, errQueryTimeout)
}

// timeLimit bounds statements that can take longer for another reason than a link that swallows their answers. That
// must be found soon; but a disk that takes seconds for a commit must not have one after the other cut, for their
// connections die of it. So who was cut has longTimeout the next time, until they are quick again. The zero value is
// short. It may be used concurrently.
type timeLimit struct{ long atomic.Bool }

// run is ask with this limit.
func (l *timeLimit) run(ctx context.Context, pool *pgxpool.Pool, statement func(context.Context, *pgxpool.Conn) error) error {
	limit := queryTimeout
	if l.long.Load() {
		limit = longTimeout
	}
	return ask(ctx, pool, limit, func(ctx context.Context, conn *pgxpool.Conn) error {
		started := time.Now()
		err := statement(ctx, conn)
		l.long.Store(time.Since(started) > queryTimeout/2 && (err == nil || ctx.Err() != nil))
		return err
	})
}

// ask gives statement a connection, and then its time.
func ask(ctx context.Context, pool *pgxpool.Pool, limit time.Duration, statement func(context.Context, *pgxpool.Conn) error) error {
	acquiring, cancel := context.WithTimeoutCause(ctx, acquireTimeout, errQueryTimeout)
	conn, err := pool.Acquire(acquiring)
	cancel()
	if err != nil {
		return err
	}
	defer conn.Release()
	ctx, cancel = context.WithTimeoutCause(ctx, limit, errQueryTimeout)
	defer cancel()
	return statement(ctx, conn)
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
	if isStatementName(pgErr.Code) { // a pooler
		return false
	}
	switch pgErr.Code[:min(2, len(pgErr.Code))] {
	case "", "25": // transaction state (a standby)
		return false
	case "57": // intervention; but query_canceled is also what statement_timeout raises
		return pgErr.Code == "57014"
	}
	return true
}

// isStatementName tells whether a prepared statement was not found, or was there already: the backend is not the one
// that we had before.
func isStatementName(code string) bool { return code == "26000" || code == "42P05" }

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
