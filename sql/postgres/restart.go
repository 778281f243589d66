package postgres

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"notifier/sql/internal/process"
)

// Mode is how a server is ended.
type Mode int

const (
	// Fast ends every session, tells the standbys, writes a checkpoint, and ends.
	Fast Mode = iota
	// Immediate ends like a crash: the next start recovers from the WAL. Nothing that was committed is
	// lost although fsync is off, because the operating system lives on and has all that was written.
	Immediate
)

func (m Mode) signal() syscall.Signal {
	if m == Immediate {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

// Restart ends the server and starts it again with its folder and settings. It returns when the server
// accepts connections; those that there were are lost.
func (s *Server) Restart(ctx context.Context, mode Mode) error {
	if err := s.Halt(ctx, mode); err != nil {
		return err
	}
	return s.Resume(ctx)
}

// Halt ends the server and returns when it has ended. Its folder stays, for Resume. A Fast halt waits
// for backends and standbys that do not answer (because a test has stopped them) until ctx ends.
func (s *Server) Halt(ctx context.Context, mode Mode) error {
	s.life.Lock()
	defer s.life.Unlock()
	postmaster := s.postmaster.Load()
	postmaster.Signal(mode.signal())
	select {
	case <-postmaster.Exited():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("halt postgres: %w", context.Cause(ctx))
	}
}

// Resume starts a halted server again and returns when it accepts connections. A server that runs is
// left alone.
func (s *Server) Resume(ctx context.Context) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.stopped {
		return errors.New("resume postgres: it was stopped, its folder is gone")
	}
	select {
	case <-s.postmaster.Load().Exited():
	default:
		return nil
	}
	if err := s.launch(); err != nil {
		return err
	}
	return s.awaitReady(ctx)
}

// launch starts the postmaster. SIGQUIT, should we die, is PostgreSQL's immediate shutdown.
func (s *Server) launch() error {
	postmaster, err := process.Start(process.Command{
		Path: filepath.Join(s.binDir, "postgres"), Args: []string{"-D", s.dataDir()},
		Dir: s.dir, Log: s.logPath(), User: s.user, OnParentDeath: syscall.SIGQUIT,
	})
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	s.postmaster.Store(postmaster)
	return nil
}
