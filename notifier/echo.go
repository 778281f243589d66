package notifier

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// newEcho names a channel that nobody else knows of, so that nobody else is woken by it, or can sound it.
func newEcho() string { return "notifier_echo_" + strings.ToLower(rand.Text()) }

// hearEcho finds out whether what is notified arrives. A pooler in transaction mode accepts LISTEN, for a backend that
// is somebody else's in the next moment. It would even bring what this session notifies itself, which comes
// along with the answer: so the notification is another connection's.
func (l *Listener) hearEcho(ctx context.Context, conn *pgx.Conn, echo string) error {
	if err := l.sound(ctx, echo); err != nil {
		return fmt.Errorf("notify ourselves: %w", err)
	}
	waiting, cancel := context.WithTimeoutCause(ctx, l.echoTimeout, ErrDeaf)
	defer cancel()
	for {
		notification, err := conn.WaitForNotification(waiting)
		switch {
		case err == nil && notification.Channel == echo:
			return nil
		case err == nil:
			l.hear(ctx, notification.Channel, notification.Payload)
		case errors.Is(context.Cause(waiting), ErrDeaf) && !conn.IsClosed():
			return l.whySilent(ctx, conn)
		default:
			return fmt.Errorf("wait for our own notification: %w", err)
		}
	}
}

// sound notifies an echo from a connection of its own.
func (l *Listener) sound(ctx context.Context, echo string) error {
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return err
	}
	defer l.hangUp(ctx, conn)
	ctx, cancel := withLongTimeout(ctx) // NOTIFY waits for the disk, and for whoever else notifies
	defer cancel()
	_, err = conn.Exec(ctx, "NOTIFY "+echo)
	return err
}

// whySilent tells a link that died in these seconds from a deaf one, whose backend it leaves as it was if it can.
func (l *Listener) whySilent(ctx context.Context, conn *pgx.Conn) error {
	if err := l.ping(ctx, conn); err != nil && !errors.Is(err, errNotListening) {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, l.pingTimeout, errPingTimeout)
	defer cancel()
	_, _ = conn.Exec(ctx, "UNLISTEN *") // the connection is given up either way
	return ErrDeaf
}
