package notifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pumpBatch bounds one pump. A larger backlog takes several, each its own transaction.
const pumpBatch = 1000

// head is the end of the log as one statement has seen it.
type head struct {
	cursor Cursor
	staged bool // rows wait in staging to be numbered
	clock  serverClock
}

// probe looks whether there is anything to number or to read.
func probe(ctx context.Context, pool *pgxpool.Pool) (head, error) {
	var (
		h     head
		told  time.Time
		asked time.Time
	)
	err := ask(ctx, pool, queryTimeout, func(ctx context.Context, conn *pgxpool.Conn) error {
		asked = time.Now()
		return conn.QueryRow(ctx, probeSQL).Scan(&h.cursor.Seq, &h.cursor.Epoch, &h.staged, &told)
	})
	if err != nil {
		return head{}, fmt.Errorf("probe the log: %w", err)
	}
	h.clock = readServerClock(told, asked)
	return h, nil
}

// pumped is what one pump has done.
type pumped struct {
	cursor      Cursor
	events      int
	effectsWait bool
}

// pump numbers up to pumpBatch rows; ok is false when another daemon is numbering at this moment.
func pump(ctx context.Context, pool *pgxpool.Pool, limit *timeLimit, metrics Metrics) (p pumped, ok bool, err error) {
	started := time.Now()
	err = limit.run(ctx, pool, func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, pumpSQL, pumpBatch).Scan(&p.cursor.Seq, &p.cursor.Epoch, &p.events, &p.effectsWait)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return pumped{}, false, nil
	}
	if err != nil {
		return pumped{}, false, fmt.Errorf("pump: %w", err)
	}
	metrics.Pumped(p.events, time.Since(started))
	return p, true, nil
}
