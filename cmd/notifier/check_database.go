package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"notifier/notifier"
	"notifier/sql/inspect"
)

// databaseWay is the way to the database as serve would go it: one connection by each URL.
type databaseWay struct {
	settings  databaseSettings
	database  inspect.Database
	listening *pgx.Conn
	pooling   notifier.Pooling // of the database URL
}

// ownSessions are what serve opens beside its pool: the listener, and for a moment the second one that it hears itself by.
const ownSessions = 2

func (w *databaseWay) checks() []inspect.Check {
	w.database.Connects = "connect"
	w.database.Connections = notifier.PoolSize(w.settings.databaseURL) + ownSessions
	return slices.Concat([]inspect.Check{
		{Code: "connect", Run: w.connect},
		{Code: "pooler", Needs: []string{"connect"}, Run: w.findPooler},
		{Code: "direct_url", Needs: []string{"connect", "pooler"}, Run: w.connectDirectly},
	}, w.database.Checks(), []inspect.Check{
		{Code: "view_row", Needs: []string{"connect", "clinic_tables", "owner_role", "view"}, Run: w.load},
		{Code: "listen", Needs: []string{"direct_url", "recovery"}, Run: w.listen},
	})
}

func (w *databaseWay) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, conn := range []*pgx.Conn{w.database.Conn, w.listening} {
		if conn != nil {
			_ = conn.Close(ctx) // nothing was changed, so nothing is lost
		}
	}
}

func (w *databaseWay) connect(ctx context.Context) (inspect.Finding, error) {
	started := time.Now()
	conn, err := notifier.Connect(ctx, w.settings.databaseURL, "notifier check")
	if err != nil {
		return judgeConnection(err, "--database-url", w.settings.databaseURL), nil
	}
	w.database.Conn = conn
	return inspect.Fine(fmt.Sprintf("%s let us in within %s", redactDSN(w.settings.databaseURL), time.Since(started).Round(time.Millisecond/10))), nil
}

func (w *databaseWay) findPooler(ctx context.Context) (inspect.Finding, error) {
	var err error
	if w.pooling, err = notifier.Pooled(ctx, w.database.Conn); err != nil {
		return unclear(err), nil
	}
	w.database.Pooled = w.pooling != notifier.Direct
	switch w.pooling {
	case notifier.Direct:
		return inspect.Fine("--database-url leads to the server itself"), nil
	case notifier.StatementPooling:
		return inspect.Wrong("--database-url goes through a pooler in statement mode, where no transaction is possible",
			"pool_mode = transaction   ; in pgbouncer.ini, for this database or role"), nil
	default:
		return inspect.Fine(fmt.Sprintf("--database-url goes through a pooler in %s mode, which serve is made for", w.pooling)), nil
	}
}

func (w *databaseWay) connectDirectly(ctx context.Context) (inspect.Finding, error) {
	const advice = "name the server itself, not the pooler: --direct-url postgres://…@db:5432/clinic   # NOTIFIER_DIRECT_URL"
	conn, err := notifier.Connect(ctx, w.settings.direct(), "notifier check")
	if err != nil {
		return judgeConnection(err, "--direct-url", w.settings.direct()), nil
	}
	w.listening = conn
	pooling, err := notifier.Pooled(ctx, conn)
	if err != nil {
		return unclear(err), nil
	}
	which := "--direct-url"
	if w.settings.directURL == "" {
		which = "no --direct-url is given, and --database-url"
	}
	switch pooling {
	case notifier.Direct:
		return inspect.Fine("the listener's connection leads to the server itself"), nil
	case notifier.SessionPooling:
		return inspect.Warned(which+" goes through a pooler in session mode: LISTEN works, and keeps one of its backends for good", advice), nil
	default:
		return inspect.Wrong(fmt.Sprintf("%s goes through a pooler in %s mode, where LISTEN hears nothing: events are found by polling only",
			which, pooling), advice), nil
	}
}

// load tries what a delivery does: everything about the view can be right, and a row still raise.
func (w *databaseWay) load(ctx context.Context) (inspect.Finding, error) {
	err := notifier.LoadNewest(ctx, w.database.Conn)
	var raised *pgconn.PgError
	switch {
	case err == nil:
		return inspect.Fine("the newest appointment can be loaded"), nil
	case errors.Is(err, notifier.ErrNothingToLoad):
		return inspect.Fine("there is no appointment yet to try it with"), nil
	case errors.As(err, &raised) && raised.Code == "42501":
		return inspect.Finding{}, err // which privileges may have told already
	case errors.As(err, &raised) && (raised.Code == "57014" || raised.Code == "55P03"):
		return inspect.Warned("the newest appointment could not be loaded in time: a lock on the clinic's tables, or a slow view",
			"SELECT pid, usename, query FROM pg_stat_activity WHERE state <> 'idle' ORDER BY xact_start;"), nil
	case errors.As(err, &raised):
		return inspect.Wrong("the newest appointment cannot be loaded: the view raises SQLSTATE "+raised.Code+", and screens get the short form of it",
			"SELECT * FROM notifier.appointment_dto ORDER BY id DESC LIMIT 1;  -- as this role: it shows the message"), nil
	}
	return inspect.Wrong("the newest appointment cannot be loaded: the view's procedures are not a list of {id, name, price}",
		"SELECT procedures FROM notifier.appointment_dto ORDER BY id DESC LIMIT 1;"), nil
}

func (w *databaseWay) listen(ctx context.Context) (inspect.Finding, error) {
	took, err := notifier.Echo(ctx, w.database.Conn, w.listening)
	switch {
	case err == nil:
		return inspect.Fine(fmt.Sprintf("a NOTIFY by --database-url was heard by the listener's connection after %.1f ms",
			float64(took.Microseconds())/1000)), nil
	case errors.Is(err, notifier.ErrDeaf):
		return inspect.Wrong("LISTEN is accepted, and a NOTIFY by --database-url was not heard within 2 s: events are found by polling only",
			"let --direct-url lead to the same server and database as --database-url, without a pooler in between"), nil
	}
	return unclear(err), nil
}

// unclear is a step that the connection did not live through, or that the server refused.
func unclear(err error) inspect.Finding {
	var raised *pgconn.PgError
	if errors.As(err, &raised) {
		return inspect.Wrong("the server refused this with SQLSTATE "+raised.Code, "look at the server's log")
	}
	return inspect.Wrong("the connection did not live through this", "look at the server's log, and at what lies between this machine and it")
}
