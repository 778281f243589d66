package notifier

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// closeGrace is how long a connection that is given up may take to say goodbye.
const closeGrace = 500 * time.Millisecond

// sessions makes the pool's connections fit for what answers them: PostgreSQL itself, or a pooler.
//
// Behind a pooler in transaction mode every transaction may meet another backend. A statement that was prepared on
// one is unknown on the next, or is there already; what SET has set stays behind for somebody else. So there
// nothing is prepared, which costs a plan for every statement, and nothing is set. Nobody needs to tell
// us: to tell by the pid is the first thing that a connection does. A pooler in session mode is taken for one in
// transaction mode; whoever minds, or has a pooler that knows prepared statements, names a default_query_exec_mode in
// the URL, which is kept whatever we find.
type sessions struct {
	chosen bool        // the URL names the mode
	pooled atomic.Bool // a pooler was met; for good, since others of our connections may still lead there
}

// session is what is known of one connection. It is among the connection's custom data and belongs to whoever has acquired it.
type session struct {
	caches bool               // statements are prepared and kept
	loads  map[*loadable]bool // whose statement needs no more preparing
	wire   wire
}

var errNoCancel = errors.New("a pooler's statements are not cancelled")

const sessionKey = "notifier.session"

func sessionOf(conn *pgx.Conn) *session {
	here, ok := conn.PgConn().CustomData()[sessionKey].(*session)
	if !ok {
		here = &session{}
		conn.PgConn().CustomData()[sessionKey] = here
	}
	return here
}

// attend makes a pool's connections ours.
func (s *sessions) attend(cfg *pgxpool.Config, url string) {
	s.chosen = strings.Contains(url, "default_query_exec_mode") || cfg.ConnConfig.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement
	cfg.BeforeConnect, cfg.AfterConnect, cfg.PrepareConn, cfg.BeforeClose = s.dial, s.greet, s.fits, s.giveUp
	cfg.ConnConfig.OnPgError = s.onError
	// A backend behind a pooler may be one that listens. pgx would keep what it hears, for ever.
	cfg.ConnConfig.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {}
}

func (s *sessions) dial(_ context.Context, cfg *pgx.ConnConfig) error {
	if s.pooled.Load() && !s.chosen {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	mode := cfg.DefaultQueryExecMode
	prepares := mode != pgx.QueryExecModeExec && mode != pgx.QueryExecModeSimpleProtocol
	here := &session{
		caches: mode == pgx.QueryExecModeCacheStatement,
		loads:  map[*loadable]bool{&ofAppointments: !prepares, &ofDoctors: !prepares},
		wire:   wire{dialer: cfg.DialFunc, pooled: &s.pooled},
	}
	cfg.DialFunc = here.wire.dial
	cfg.AfterConnect = func(_ context.Context, conn *pgconn.PgConn) error {
		conn.CustomData()[sessionKey] = here
		here.wire.up.Store(true)
		return nil
	}
	return nil
}

// greet has a time limit of its own, because the pool goes on connecting when nobody waits for the connection any more.
func (s *sessions) greet(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errQueryTimeout)
	defer cancel()
	direct, err := prepareSession(ctx, conn)
	if err == nil && !direct {
		s.pooled.Store(true)
	}
	return err
}

// fits is false for a connection that the pool should replace.
func (s *sessions) fits(_ context.Context, conn *pgx.Conn) (bool, error) {
	return s.chosen || !s.pooled.Load() || !sessionOf(conn).caches, nil
}

// onError finds the pooler that passes a backend's pid on. It is false where the connection is to be closed.
func (s *sessions) onError(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	if isStatementName(err.Code) {
		s.pooled.Store(true)
	}
	return !strings.EqualFold(err.Severity, "FATAL")
}

// isPooled tells whether the pool's connections lead to a pooler, as far as those that are idle know. They do not die with
// their server, and new ones may not get in: a pooler that looks passwords up has to ask that server.
func isPooled(ctx context.Context, pool *pgxpool.Pool) (pooled bool) {
	for _, conn := range pool.AcquireAllIdle(ctx) {
		pooled = sessionOf(conn.Conn()).pooled()
		conn.Release()
	}
	return pooled
}

func (s *session) pooled() bool { return s.wire.pooled != nil && s.wire.pooled.Load() }

// giveUp hastens the pool, which keeps a connection's place until pgx has closed it: for one that does not answer that
// takes 15 s, and four such connections would keep everybody waiting for so long.
func (s *sessions) giveUp(conn *pgx.Conn) {
	time.AfterFunc(closeGrace, sessionOf(conn).wire.cut)
}

// prepareSession sets what our statements are written for, whatever the role's or database's defaults are: their plans
// are made while the tables are empty and kept for hours, so never by sequential scans. Behind a pooler it
// sets nothing and direct is false.
func prepareSession(ctx context.Context, conn *pgx.Conn) (direct bool, err error) {
	err = conn.QueryRow(ctx, sessionSQL, pgx.QueryExecModeExec, int64(conn.PgConn().PID())).Scan(&direct)
	return direct, err
}

// wire is all that was dialled for one connection: itself, and the requests to cancel what it does. Behind a pooler
// nothing is cancelled: requests that come late, from behind a link that was dead for a while, can take all the
// backends of PgBouncer 1.18 out of its pool, and it then serves nobody. What is not cancelled ends by itself.
type wire struct {
	dialer pgconn.DialFunc
	pooled *atomic.Bool
	up     atomic.Bool // whatever is dialled from now on is a request to cancel
	mu     sync.Mutex
	conns  []net.Conn
	isCut  bool
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if w.pooled.Load() && w.up.Load() {
		return nil, errNoCancel
	}
	conn, err := w.dialer(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isCut {
		_ = conn.Close() // too late
		return nil, net.ErrClosed
	}
	w.conns = append(w.conns, conn)
	return conn, nil
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	for _, conn := range w.conns {
		_ = conn.Close() // most are closed by then
	}
}
