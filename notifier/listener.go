package notifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// listenPing is the silence after which the link is asked whether it lives: a dead peer or a stopped
	// backend says nothing, for ever, and TCP keepalive cannot see the latter.
	listenPing        = time.Second
	listenPingTimeout = 2 * time.Second
	// listenEcho is how long a notification to ourselves may be under way.
	listenEcho = 2 * time.Second
	// listenHealthy is how long a connection must have lived for the backoff to start afresh.
	listenHealthy    = 10 * time.Second
	listenBackoffMax = 2 * time.Second
	// deafBackoffMax is longer: what is deaf is so by its configuration.
	deafBackoffMax = 30 * time.Second
)

// ErrDeaf means that LISTEN is accepted and nothing arrives, as behind a pooler in transaction mode.
var ErrDeaf = errors.New("LISTEN is accepted, but nothing arrives: " +
	"--direct-url must lead to the server itself, not through a pooler in transaction mode")

var (
	errPingTimeout  = errors.New("listening connection did not answer a ping")
	errNotListening = errors.New("connection is no longer listening (a pooler, or a demoted server)")
)

// Waker is woken by the listener. Its methods must not block.
type Waker interface {
	// Wake: something may have been committed.
	Wake()
	// Announce: another daemon has numbered events up to seq.
	Announce(seq int64)
}

// Listener hears the bells on a connection of its own. Delivery never depends on it: while it is down the feed
// finds its work by polling.
type Listener struct {
	config  *pgx.ConnConfig
	waker   Waker
	metrics Metrics
	log     *slog.Logger
	quiet   *quietLog
	down    atomic.Pointer[outage] // nil while it is up
	heard   bool                   // it was up before

	pingAfter, pingTimeout, echoTimeout time.Duration
}

// outage is why the bells are not heard, and since when.
type outage struct {
	err   error
	since time.Time
}

// listenerName is what a listener calls itself among the server's sessions. That of 0.1.0 called itself "notifier listen", by which
// notifier.unable() knows a daemon that cannot read every kind of event.
const listenerName = "notifier listener"

// NewListener listens at url, which must lead to the server directly and not through a pooler in transaction mode.
func NewListener(url string, waker Waker, metrics Metrics, log *slog.Logger) (*Listener, error) {
	cfg, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	config := cfg.ConnConfig
	config.RuntimeParams["application_name"] = listenerName
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler must be found by what it does to LISTEN alone
	l := &Listener{
		config: config, waker: waker, metrics: metrics, log: log, quiet: newQuietLog(log),
		pingAfter: listenPing, pingTimeout: listenPingTimeout, echoTimeout: listenEcho,
	}
	l.down.Store(&outage{errNotStarted, time.Now()})
	return l, nil
}

// Up tells whether the bells are heard at this moment.
func (l *Listener) Up() bool { return l.down.Load() == nil }

// Err is nil while the bells are heard, otherwise why they are not: ErrDeaf, or what the connection died of.
func (l *Listener) Err() error {
	if down := l.down.Load(); down != nil {
		return down.err
	}
	return nil
}

// DownSince is when the bells were heard last, or the listener was made; zero while they are heard.
func (l *Listener) DownSince() time.Time {
	if down := l.down.Load(); down != nil {
		return down.since
	}
	return time.Time{}
}

// fell notes the latest reason of an outage that goes on.
func (l *Listener) fell(err error) {
	now := &outage{err: conceal(err), since: time.Now()}
	if before := l.down.Load(); before != nil {
		now.since = before.since
	}
	l.down.Store(now)
	l.metrics.ListenerUp(false)
}

func (l *Listener) rose() {
	l.down.Store(nil)
	l.metrics.ListenerUp(true)
	if l.heard {
		l.metrics.ListenerReconnected()
	}
	l.heard = true
}

// Run listens until ctx ends, and connects again after every failure with a backoff of full jitter. It returns nil.
func (l *Listener) Run(ctx context.Context) error {
	for tries := 0; ; {
		up, err := l.listen(ctx)
		l.fell(err)
		if ctx.Err() != nil {
			return nil
		}
		if up > listenHealthy {
			tries = 0
		}
		event, kind, limit := "listener_lost", sqlState(err), listenBackoffMax
		if errors.Is(err, ErrDeaf) {
			event, kind, limit = "listener_deaf", "deaf", deafBackoffMax
		}
		l.quiet.warn(ctx, event, kind, slog.Any("error", conceal(err)))
		pause := rand.N(min(limit, 50*time.Millisecond<<min(tries, 10))) //nolint:gosec // jitter, not a secret
		tries++
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// listen serves one connection, and tells for how long it heard the bells: LISTEN first, then catch up, then
// wait. Nothing that is committed between two of these steps is missed.
func (l *Listener) listen(ctx context.Context) (up time.Duration, err error) {
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer l.hangUp(ctx, conn)
	echo := newEcho()
	if err := l.subscribe(ctx, conn, echo); err != nil {
		return 0, err
	}
	if err := l.hearEcho(ctx, conn, echo); err != nil {
		return 0, err
	}
	since := time.Now()
	l.rose()
	l.quiet.over("listener_lost")
	l.quiet.over("listener_deaf")
	l.log.LogAttrs(ctx, slog.LevelInfo, "listener_up")
	l.waker.Wake()
	for {
		if err := l.wait(ctx, conn); err != nil {
			return time.Since(since), err
		}
	}
}

func (l *Listener) subscribe(ctx context.Context, conn *pgx.Conn, echo string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.pingTimeout, errPingTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, "LISTEN "+BellChannel+"; LISTEN "+EventChannel+"; LISTEN "+echo); err != nil {
		return fmt.Errorf("listen: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

// wait handles one notification, or pings after a silence.
func (l *Listener) wait(ctx context.Context, conn *pgx.Conn) error {
	silence, cancel := context.WithTimeout(ctx, l.pingAfter)
	defer cancel()
	notification, err := conn.WaitForNotification(silence)
	switch {
	case err == nil:
		l.hear(ctx, notification.Channel, notification.Payload)
		return nil
	case ctx.Err() == nil && silence.Err() != nil && !conn.IsClosed():
		return l.ping(ctx, conn)
	default:
		return fmt.Errorf("wait for notification: %w", err)
	}
}

// ping also finds a primary that became a standby and a session that lost its LISTEN.
func (l *Listener) ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.pingTimeout, errPingTimeout)
	defer cancel()
	var (
		standby  bool
		channels int
	)
	err := conn.QueryRow(ctx, pingSQL, BellChannel, EventChannel).Scan(&standby, &channels)
	switch {
	case err != nil:
		return fmt.Errorf("ping: %w", errors.Join(err, context.Cause(ctx)))
	case standby || channels < 2:
		return errNotListening
	}
	return nil
}

// hear decodes a payload and wakes the feed whatever it says: garbage, too, may stand for a commit.
func (l *Listener) hear(ctx context.Context, channel, payload string) {
	if channel == EventChannel {
		if seq, err := strconv.ParseInt(payload, 10, 64); err == nil {
			l.metrics.BellHeard("event")
			l.waker.Announce(seq)
			return
		}
		l.quiet.warn(ctx, "bell_garbage", "announcement is no number", slog.Int("bytes", len(payload)))
	} else if bell, err := ParseBell(payload); err == nil {
		l.metrics.BellHeard("ok")
		l.log.LogAttrs(ctx, slog.LevelDebug, "bell_heard", slog.String("action", bell.Action),
			slog.String("appointment", string(bell.AppointmentID)), slog.String("account", string(bell.AccountID)))
		l.waker.Wake()
		return
	} else {
		l.quiet.warn(ctx, "bell_garbage", kindOfBellError(err), slog.Int("bytes", len(payload)))
	}
	l.metrics.BellHeard("garbage")
	l.waker.Wake()
}

// kindOfBellError names the kind without anything of the payload.
func kindOfBellError(err error) string {
	for _, kind := range []error{ErrBellSyntax, ErrBellVersion} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return ErrBellField.Error()
}

// hangUp closes without waiting for a peer that may be gone.
func (l *Listener) hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 100*time.Millisecond)
	defer cancel()
	_ = conn.Close(ctx) // the connection is given up either way
}
