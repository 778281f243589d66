package sql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// step runs one migration of goose, again and again while it meets a lock.
func (s *session) step(ctx context.Context, run func(context.Context) (*goose.MigrationResult, error)) (*goose.MigrationResult, error) {
	var result *goose.MigrationResult
	err := s.patiently(ctx, func() error {
		var err error
		result, err = run(ctx)
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			return fmt.Errorf("apply %s: %w", partial.Failed.Source.Path, partial.Err)
		}
		return err
	})
	return result, err
}

// script runs one of the unnumbered files in a transaction.
func (s *session) script(ctx context.Context, path string) error {
	text, err := s.rendering.file(path)
	if err != nil {
		return err
	}
	return s.patiently(ctx, func() error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, after an error the error counts
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("apply %s: %w", path, err)
		}
		return tx.Commit()
	})
}

// patiently tries again while run meets a lock timeout. The try itself is short, because every writer of the
// clinic's table waits behind a migration that waits; the pauses grow, with jitter, to two seconds.
func (s *session) patiently(ctx context.Context, run func() error) error {
	pause := 50 * time.Millisecond
	for {
		err := run()
		if !isLockTimeout(err) {
			return err
		}
		if time.Now().After(s.giveUp) {
			return fmt.Errorf("a table stayed locked for %v: end the transaction (or the vacuum) that holds it, see pg_locks, "+
				"or give more time with --lock-wait, and run this again: what is done stays done: %w", s.cfg.LockWait, err)
		}
		s.cfg.Logger.Info("migration_waits_for_lock", slog.Duration("pause", pause))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // jitter, not a secret
		}
		pause = min(2*pause, 2*time.Second)
	}
}

func isLockTimeout(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == "55P03" || pgErr.Code == "40P01") // lock_not_available, deadlock_detected
}
