// Package postgres runs a private PostgreSQL server from the machine's own binaries: a cluster in a
// temporary folder, reachable through a Unix socket in that folder only, gone when it is stopped.
//
// The tests and `notifier demo` use it. Nothing in it is meant for data that matters: fsync is off.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Superuser is the role that initdb creates. It needs no password: the socket lies in a folder that
// only the server's user (and root) can enter.
const Superuser = "postgres"

// Options of Start. The zero value is a small server for tests.
type Options struct {
	// Settings are lines of postgresql.conf, as "name = value", after (so above) our own.
	Settings []string
	// Durable keeps fsync and full-page writes on, for measurements that are about commits.
	Durable bool
}

// Server is a running cluster. Its methods may be called concurrently.
type Server struct {
	dir    string
	binDir string
	user   *owner
	exited chan struct{} // closed when the postmaster has ended
	pid    int
}

// Start creates a cluster and starts its server, and returns when it accepts connections.
// The caller owns the server and must Stop it.
func Start(ctx context.Context, opts Options) (*Server, error) {
	binDir, err := BinDir()
	if err != nil {
		return nil, err
	}
	user, err := serverUser()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "notifier-pg-")
	if err != nil {
		return nil, fmt.Errorf("create folder for PostgreSQL: %w", err)
	}
	s := &Server{dir: dir, binDir: binDir, user: user, exited: make(chan struct{})}
	if err := s.start(ctx, opts); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, opts Options) error {
	if err := s.user.own(s.dir); err != nil {
		return fmt.Errorf("hand folder to the server's user: %w", err)
	}
	if err := s.initdb(ctx); err != nil {
		return err
	}
	if err := s.configure(opts); err != nil {
		return err
	}
	if err := s.launch(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	return s.awaitReady(ctx)
}

func (s *Server) initdb(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.binDir, "initdb"), "--no-sync", "--auth=trust",
		"--username="+Superuser, "--encoding=UTF8", "--locale=C", "--pgdata="+s.dataDir())
	cmd.Dir, cmd.SysProcAttr = s.dir, s.user.procAttr()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (s *Server) configure(opts Options) error {
	lines := []string{
		"listen_addresses = ''",
		"unix_socket_directories = '" + s.dir + "'",
		"max_connections = 200",
		"shared_buffers = 64MB",
		"timezone = 'UTC'",
		"log_timezone = 'UTC'",
		"max_prepared_transactions = 10",
	}
	if !opts.Durable {
		lines = append(lines, "fsync = off", "full_page_writes = off")
	}
	lines = append(lines, opts.Settings...)
	path := filepath.Join(s.dataDir(), "postgresql.conf")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open postgresql.conf: %w", err)
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write postgresql.conf: %w", err)
	}
	return nil
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("PostgreSQL did not start within 30 s"))
	defer cancel()
	var last error
	for {
		conn, err := pgx.Connect(ctx, s.URL(Superuser, "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		last = err
		select {
		case <-s.exited:
			return fmt.Errorf("start postgres: it ended at once; its log says: %s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("connect to PostgreSQL: %w (%w)", context.Cause(ctx), last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL is a connection string for a role and a database of this server.
func (s *Server) URL(user, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(user), Path: "/" + database}
	u.RawQuery = url.Values{"host": {s.dir}}.Encode()
	return u.String()
}

// SocketDir is the folder of the Unix socket, as psql's --host takes it.
func (s *Server) SocketDir() string { return s.dir }

// PID is the postmaster's process id.
func (s *Server) PID() int { return s.pid }

// Log is what the server has logged so far.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Stop ends the server (fast shutdown, then immediate after 5 s) and removes its folder.
// It may be called twice.
func (s *Server) Stop() error {
	if s.pid != 0 {
		s.signalUntilExit()
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove PostgreSQL's folder: %w", err)
	}
	return nil
}

func (s *Server) signalUntilExit() {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		select {
		case <-s.exited:
			return
		default:
		}
		_ = syscall.Kill(s.pid, sig) // it may have ended just now: then s.exited tells
		select {
		case <-s.exited:
			return
		case <-time.After(5 * time.Second):
		}
	}
}

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }
func (s *Server) logPath() string { return filepath.Join(s.dir, "postgres.log") }
