// Package postgres runs a private PostgreSQL server from the machine's own binaries: a cluster in a
// temporary folder, reachable through a Unix socket in that folder only, gone when it is stopped.
//
// The tests and `notifier demo` use it. Nothing in it is meant for data that matters: fsync is off.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/internal/process"
)

// Superuser is the role that initdb creates. It needs no password: the socket lies in a folder that
// only the server's user (and root) can enter.
const Superuser = "postgres"

// Options of Start and Standby. The zero value is a small server for tests.
type Options struct {
	// Settings are lines of postgresql.conf, as "name = value", after (so above) our own.
	Settings []string
	// Durable keeps fsync and full-page writes on, for measurements that are about commits.
	Durable bool
}

func (o Options) settings() []string {
	durable := "off"
	if o.Durable {
		durable = "on"
	}
	return append([]string{"fsync = " + durable, "full_page_writes = " + durable}, o.Settings...)
}

// Server is a cluster with its server. Its methods may be called concurrently.
type Server struct {
	dir        string
	binDir     string
	user       *process.User
	postmaster atomic.Pointer[process.Process] // the latest; nil before the first

	life    sync.Mutex // one at a time of Halt, Resume and Stop
	stopped bool
}

// Start creates a cluster and starts its server, and returns when it accepts connections.
// The caller owns the server and must Stop it.
func Start(ctx context.Context, opts Options) (*Server, error) {
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx, opts); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// newServer is a server with an empty folder.
func newServer() (*Server, error) {
	binDir, err := BinDir()
	if err != nil {
		return nil, err
	}
	user, err := process.ServerUser()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "notifier-pg-")
	if err != nil {
		return nil, fmt.Errorf("create folder for PostgreSQL: %w", err)
	}
	s := &Server{dir: dir, binDir: binDir, user: user}
	if err := user.Own(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("hand folder to the server's user: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, opts Options) error {
	if err := s.initdb(ctx); err != nil {
		return err
	}
	lines := []string{
		"listen_addresses = ''",
		s.socketSetting(),
		"max_connections = 200",
		"shared_buffers = 64MB",
		"timezone = 'UTC'",
		"log_timezone = 'UTC'",
		"max_prepared_transactions = 10",
	}
	return s.run(ctx, append(lines, opts.settings()...))
}

func (s *Server) initdb(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.binDir, "initdb"), "--no-sync", "--auth=trust",
		"--username="+Superuser, "--encoding=UTF8", "--locale=C", "--pgdata="+s.dataDir())
	cmd.Dir, cmd.SysProcAttr = s.dir, s.user.ProcAttr()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// run starts the server for the first time, with lines added to its configuration.
func (s *Server) run(ctx context.Context, lines []string) error {
	if err := s.configure(lines); err != nil {
		return err
	}
	if err := s.launch(); err != nil {
		return err
	}
	return s.awaitReady(ctx)
}

func (s *Server) configure(lines []string) error {
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

func (s *Server) socketSetting() string { return "unix_socket_directories = '" + s.dir + "'" }

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("PostgreSQL did not start within 30 s"))
	defer cancel()
	exited := s.postmaster.Load().Exited()
	var last error
	for {
		conn, err := pgx.Connect(ctx, s.URL(Superuser, "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		last = err
		select {
		case <-exited:
			return fmt.Errorf("start postgres: it ended at once; its log says: %s", s.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("connect to PostgreSQL: %w (%w)", context.Cause(ctx), last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// SocketDir is the folder of the Unix socket, as psql's --host takes it.
func (s *Server) SocketDir() string { return s.dir }

// PID is the postmaster's process id; another one after a restart.
func (s *Server) PID() int { return s.postmaster.Load().PID() }

// Log is what the server has logged so far.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// lastWords are the end of the log, where the reason stands.
func (s *Server) lastWords() string {
	const most = 4000
	text := s.Log()
	return text[max(0, len(text)-most):]
}

// Stop ends the server, if it runs, and removes its folder. It may be called twice.
func (s *Server) Stop() error {
	s.life.Lock()
	defer s.life.Unlock()
	s.stopped = true
	if postmaster := s.postmaster.Load(); postmaster != nil {
		postmaster.End(
			process.Step{Signal: syscall.SIGINT, Patience: 5 * time.Second},
			// Before it goes, the postmaster gives its children 5 s, and then kills even those that a
			// test has stopped; without it, those would stay for ever.
			process.Step{Signal: syscall.SIGQUIT, Patience: 10 * time.Second},
			process.Step{Signal: syscall.SIGKILL, Patience: 5 * time.Second},
		)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove PostgreSQL's folder: %w", err)
	}
	return nil
}

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }
func (s *Server) logPath() string { return filepath.Join(s.dir, "postgres.log") }
