// Package pgbouncer runs a private PgBouncer, from the machine's own binary, before a private PostgreSQL
// server: reachable through a Unix socket in a temporary folder only, gone when it is stopped. It is for
// tests of what a pooler does to us.
package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"notifier/sql/internal/process"
	"notifier/sql/postgres"
)

// ErrNoBinary means that PgBouncer was not found on this machine.
var ErrNoBinary = errors.New("find pgbouncer: not here; " +
	"install it (Debian: apt-get install pgbouncer) or put it on the PATH")

// Options of Start.
type Options struct {
	// ServerDir is the folder of the server's Unix socket; its databases and roles are PgBouncer's too.
	ServerDir string
	// PoolMode is transaction if it is empty; or session, or statement.
	PoolMode string
	// PoolSize is how many connections to the server a role has in a database; 20 if it is 0.
	PoolSize int
	// Settings are lines of pgbouncer.ini, as "name = value", after (so above) our own.
	Settings []string
}

// Bouncer is a running PgBouncer. Its methods may be called concurrently.
type Bouncer struct {
	dir     string
	user    *process.User
	process *process.Process // nil until it was started
}

// Start returns when PgBouncer accepts connections. It does not need the server for that.
// The caller owns it and must Stop it.
func Start(ctx context.Context, opts Options) (*Bouncer, error) {
	binary, err := find()
	if err != nil {
		return nil, err
	}
	user, err := process.ServerUser()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "notifier-pgbouncer-")
	if err != nil {
		return nil, fmt.Errorf("create folder for PgBouncer: %w", err)
	}
	b := &Bouncer{dir: dir, user: user}
	if err := b.start(ctx, binary, opts); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

// find looks at the PATH and where Debian and Homebrew put it; /usr/sbin is not on everybody's PATH.
func find() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer", "/usr/local/bin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", ErrNoBinary
}

func (b *Bouncer) start(ctx context.Context, binary string, opts Options) error {
	config := filepath.Join(b.dir, "pgbouncer.ini")
	if err := os.WriteFile(config, []byte(b.config(opts)), 0o600); err != nil {
		return fmt.Errorf("write pgbouncer.ini: %w", err)
	}
	for _, path := range []string{b.dir, config} {
		if err := b.user.Own(path); err != nil {
			return fmt.Errorf("hand folder to PgBouncer's user: %w", err)
		}
	}
	started, err := process.Start(process.Command{
		Path: binary, Args: []string{config}, Dir: b.dir, Log: b.logPath(), User: b.user,
		OnParentDeath: syscall.SIGTERM, // its immediate shutdown
	})
	if err != nil {
		return fmt.Errorf("start pgbouncer: %w", err)
	}
	b.process = started
	return b.awaitReady(ctx)
}

func (b *Bouncer) config(opts Options) string {
	mode, size := opts.PoolMode, opts.PoolSize
	if mode == "" {
		mode = "transaction"
	}
	if size == 0 {
		size = 20
	}
	lines := []string{
		"[databases]",
		// auth_user is who looks up the roles that no file lists: all of the server's.
		"* = host=" + opts.ServerDir + " auth_user=" + postgres.Superuser,
		"[pgbouncer]",
		"listen_addr =",
		"listen_port = " + socketPort,
		"unix_socket_dir = " + b.dir,
		"auth_type = trust",
		"pool_mode = " + mode,
		"default_pool_size = " + strconv.Itoa(size),
		"max_client_conn = 1000",
		// How long it refuses everybody after the server was away; 15 s without us.
		"server_login_retry = 1",
	}
	return strings.Join(append(lines, opts.Settings...), "\n") + "\n"
}

// socketPort is PostgreSQL's, so that the folder alone tells a client where the socket is.
const socketPort = "5432"

func (b *Bouncer) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("PgBouncer did not start within 30 s"))
	defer cancel()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "unix", filepath.Join(b.dir, ".s.PGSQL."+socketPort))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-b.process.Exited():
			return fmt.Errorf("start pgbouncer: it ended at once; its log says: %s", b.Log())
		case <-ctx.Done():
			return fmt.Errorf("connect to PgBouncer: %w (%w)", context.Cause(ctx), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// URL is a connection string for a role and a database of the server, through PgBouncer.
func (b *Bouncer) URL(user, database string) string { return postgres.SocketURL(user, database, b.dir) }

// SocketDir is the folder of the Unix socket, as psql's --host takes it.
func (b *Bouncer) SocketDir() string { return b.dir }

// PID is PgBouncer's process id.
func (b *Bouncer) PID() int { return b.process.PID() }

// Log is what PgBouncer has logged so far.
func (b *Bouncer) Log() string {
	text, err := os.ReadFile(b.logPath())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Stop ends PgBouncer and its connections, and removes its folder. It may be called twice.
func (b *Bouncer) Stop() error {
	if b.process != nil {
		b.process.End(
			process.Step{Signal: syscall.SIGTERM, Patience: 5 * time.Second},
			process.Step{Signal: syscall.SIGKILL, Patience: 5 * time.Second},
		)
	}
	if err := os.RemoveAll(b.dir); err != nil {
		return fmt.Errorf("remove PgBouncer's folder: %w", err)
	}
	return nil
}

func (b *Bouncer) logPath() string { return filepath.Join(b.dir, "pgbouncer.log") }
