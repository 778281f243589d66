package notifier

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	pruneBatch    = 1000
	pruneInterval = time.Minute
)

// Retention removes events (and settled effects) that are older than keep. Every daemon may run one: the
// database lets one at a time work.
type Retention struct {
	pool    *pgxpool.Pool
	keep    time.Duration
	metrics Metrics
	log     *slog.Logger
}

// NewRetention makes a retention; Run does its work.
func NewRetention(pool *pgxpool.Pool, keep time.Duration, metrics Metrics, log *slog.Logger) *Retention {
	return &Retention{pool: pool, keep: keep, metrics: metrics, log: log}
}

// Run prunes once a minute until ctx ends, in small batches with a breath between them. It returns nil.
func (r *Retention) Run(ctx context.Context) error {
	quiet := newQuietLog(r.log)
	for pause := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		removed, err := r.prune(ctx)
		if err != nil && ctx.Err() == nil {
			quiet.warn(ctx, "prune_failed", sqlState(err), slog.Any("error", conceal(err)))
		}
		pause = pruneInterval
		if removed == pruneBatch {
			pause = 10 * time.Millisecond
		}
	}
}

func (r *Retention) prune(ctx context.Context) (removed int, err error) {
	ctx, cancel := withLongTimeout(ctx)
	defer cancel()
	if err := r.pool.QueryRow(ctx, pruneSQL, r.keep.Seconds(), pruneBatch).Scan(&removed); err != nil {
		return 0, fmt.Errorf("prune the log: %w", err)
	}
	r.metrics.Pruned(removed)
	return removed, nil
}
