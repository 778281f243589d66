package notifier

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What `notifier check` asks: what the daemon finds out at its work, asked once and changing nothing.

//go:embed newest.sql
var newestSQL string

// ErrNothingToLoad means that there is no appointment yet.
var ErrNothingToLoad = errors.New("there is no appointment yet")

// Pooling is what a connection goes through.
type Pooling string

// The ways to a server. A pooler that gives every transaction a backend of its own breaks LISTEN.
const (
	Direct             Pooling = "direct"
	SessionPooling     Pooling = "session"
	TransactionPooling Pooling = "transaction"
	StatementPooling   Pooling = "statement"
)

// Connect opens a connection with the pool's own time limits and choice of host. It prepares no statements, so that it
// works through a pooler, and sets nothing.
func Connect(ctx context.Context, url, application string) (*pgx.Conn, error) {
	cfg, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = application
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	return pgx.ConnectConfig(ctx, cfg.ConnConfig)
}

// PoolSize is how many connections the daemon's pool opens at most.
func PoolSize(url string) int {
	cfg, err := parseURL(url)
	if err != nil {
		return 0
	}
	return int(cfg.MaxConns)
}

// Pooled tells what conn goes through, with a second connection to the same place. A pooler tells its clients a pid of its own, and
// one whose transactions share backends gives the second connection the backend that the first had a moment ago.
func Pooled(ctx context.Context, conn *pgx.Conn) (Pooling, error) {
	first, err := backendOf(ctx, conn)
	if err != nil || first == conn.PgConn().PID() {
		return Direct, err
	}
	other, err := pgx.ConnectConfig(ctx, conn.Config())
	if err != nil {
		return SessionPooling, err
	}
	defer closeQuickly(ctx, other)
	if _, err := other.Exec(ctx, "BEGIN READ ONLY"); err != nil {
		var refused *pgconn.PgError
		if errors.As(err, &refused) { // "transaction blocks not allowed in statement pooling mode"
			return StatementPooling, nil
		}
		return SessionPooling, err
	}
	second, err := backendOf(ctx, other)
	if err != nil {
		return SessionPooling, err
	}
	again, err := backendOf(ctx, conn)
	if err != nil {
		return SessionPooling, err
	}
	if second == first || again != first {
		return TransactionPooling, nil
	}
	return SessionPooling, nil
}

func backendOf(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid()::bigint").Scan(&pid)
	return pid, err
}

// Echo notifies a channel that nobody else knows of on one connection, and tells how long it took to arrive at the other. ErrDeaf if
// it does not: a pooler is in between, or the two lead to different databases.
func Echo(ctx context.Context, notifying, listening *pgx.Conn) (time.Duration, error) {
	echo := newEcho()
	if _, err := listening.Exec(ctx, "LISTEN "+echo); err != nil {
		return 0, fmt.Errorf("listen: %w", conceal(err))
	}
	waiting, cancel := context.WithTimeoutCause(ctx, listenEcho, ErrDeaf)
	defer cancel()
	started := time.Now()
	if _, err := notifying.Exec(waiting, "NOTIFY "+echo); err != nil {
		return 0, fmt.Errorf("notify: %w", conceal(err))
	}
	if _, err := listening.WaitForNotification(waiting); err != nil {
		return 0, errors.Join(context.Cause(waiting), err)
	}
	took := time.Since(started)
	_, err := listening.Exec(ctx, "UNLISTEN "+echo)
	return took, err
}

// LoadNewest reads the newest appointment as the daemon does, in a transaction that only reads. The data itself is thrown away, and
// the error says no more than an SQLSTATE of what the clinic's view raised. ErrNothingToLoad if there is none.
func LoadNewest(ctx context.Context, conn *pgx.Conn) error {
	options := pgx.TxOptions{BeginQuery: "BEGIN READ ONLY; " + loadSettingsSQL}
	err := pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) error {
		var id string
		if err := tx.QueryRow(ctx, newestSQL).Scan(&id); errors.Is(err, pgx.ErrNoRows) {
			return ErrNothingToLoad
		} else if err != nil {
			return err
		}
		batch := loading{loadable: &ofAppointments, found: make(map[string]loaded, 1)}
		rows, err := tx.Query(ctx, loadSQL, arrayLiteral([]string{id}))
		if err != nil {
			return err
		}
		if err := collect(rows, &batch); err != nil {
			return err
		}
		if batch.unread > 0 {
			return errors.New(batch.problem)
		}
		return nil
	})
	return conceal(err)
}

// closeQuickly does not wait for a peer that may be gone.
func closeQuickly(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer cancel()
	_ = conn.Close(ctx) // the connection is given up either way
}
