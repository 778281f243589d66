package notifier

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pumpBatch bounds one pump. A larger backlog takes several, each its own transaction.
const pumpBatch = 1000

// broughtBatch bounds what a pump brings; more is read afterwards. The log is locked until the rows are sent, and those of a
// daemon that is frozen, or cut off, are sent only as far as there are buffers: it must not keep the others from numbering.
const broughtBatch = 100

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
	silent      bool    // a writer was at work whose commit will ring no bell
	read        []Event // the first of these events, if they follow the place that was asked for
}

// pump numbers up to pumpBatch rows, and brings those that follow after; ok is false when another daemon is numbering at this moment.
// If there are any, nobody rings for as long as silence.
func pump(ctx context.Context, pool *pgxpool.Pool, after int64, silence time.Duration, limit *timeLimit, metrics Metrics) (p pumped, ok bool, err error) {
	started := time.Now()
	err = limit.run(ctx, pool, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, advanceSQL, pumpBatch, after, broughtBatch, silence.Milliseconds())
		if err != nil {
			return err
		}
		p, ok, err = collectPumped(rows)
		return err
	})
	if err != nil {
		return pumped{}, false, fmt.Errorf("pump: %w", err)
	}
	if ok {
		metrics.Pumped(p.events, time.Since(started))
	}
	return p, ok, nil
}

// collectPumped reads all rows: what they say holds once there is no error behind them.
func collectPumped(rows pgx.Rows) (p pumped, ok bool, err error) {
	defer rows.Close()
	said := []any{&p.cursor.Seq, &p.cursor.Epoch, &p.events, &p.effectsWait, &p.silent}
	for rows.Next() {
		var e Event
		columns := e.columns()
		alone := rows.RawValues()[len(said)] == nil
		if alone {
			clear(columns) // nil is not scanned into
		}
		if err := rows.Scan(append(said[:len(said):len(said)], columns...)...); err != nil {
			return pumped{}, false, err
		}
		if !alone {
			p.read = append(p.read, e)
		}
		ok = true
	}
	return p, ok, rows.Err()
}
