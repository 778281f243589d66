package notifier

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// To count a backlog of 10,000 takes PostgreSQL 25 ms: one statement is for so few accounts that it keeps far from the
	// query timeout.
	floorAccounts = 8
	floorClients  = 500
)

// reach asks whether a client has missed more than the limit. Only those ask whose backlog is longer than a page, in a
// log that went on by more than the limit meanwhile.
type reach struct {
	account string
	from    int64
	upTo    int64
	beyond  bool // the answer
}

// floors answer for many clients at once: one floor, below which too much was missed, is for all of an account that
// replay up to the same number.
type floors struct {
	pool  *pgxpool.Pool
	limit int
}

type floorKey struct {
	account string
	upTo    int64
}

func (f floors) ask(ctx context.Context, clients []*reach) error {
	lowest := make(map[floorKey]int64)
	var keys []floorKey
	for _, client := range clients {
		key := floorKey{client.account, client.upTo}
		from, seen := lowest[key]
		if !seen {
			keys = append(keys, key)
		}
		if !seen || client.from < from {
			lowest[key] = client.from
		}
	}
	found := make(map[floorKey]int64, len(keys))
	for some := range slices.Chunk(keys, floorAccounts) {
		if err := f.read(ctx, some, lowest, found); err != nil {
			return err
		}
	}
	for _, client := range clients {
		client.beyond = client.from < found[floorKey{client.account, client.upTo}]
	}
	return nil
}

func (f floors) read(ctx context.Context, keys []floorKey, lowest, found map[floorKey]int64) error {
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	accounts := make([]string, len(keys))
	after, upTo := make([]int64, len(keys)), make([]int64, len(keys))
	for i, key := range keys {
		accounts[i], after[i], upTo[i] = key.account, lowest[key], key.upTo
	}
	var seqs []int64
	batch := &pgx.Batch{}
	batch.Queue(replaySettingsSQL)
	batch.Queue(floorSQL, accounts, after, upTo, f.limit).Query(func(rows pgx.Rows) (err error) {
		seqs, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err := f.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("count missed events: %w", err)
	}
	for i, seq := range seqs {
		found[keys[i]] = seq
	}
	return nil
}
