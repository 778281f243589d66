package notifier

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Event is one row of the log. Account and Appointment are the ids as text, the form in which they are
// compared; the JSON forms are what clients see (a number stays a number).
type Event struct {
	Cursor          Cursor
	Account         string
	Appointment     string
	AccountJSON     json.RawMessage // nil when the appointment had no account
	AppointmentJSON json.RawMessage
	Name            string
	ChangedAt       time.Time
}

// readBatch bounds one read of the feed, and so one load and one round of publishing.
const readBatch = 500

// readAfter returns the next events after a position, gap-less and in order.
func readAfter(ctx context.Context, pool *pgxpool.Pool, seq int64) ([]Event, error) {
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	rows, err := pool.Query(ctx, readSQL, seq, readBatch)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	events, err := pgx.CollectRows(rows, scanEvent)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return events, nil
}

func scanEvent(row pgx.CollectableRow) (Event, error) {
	var e Event
	err := row.Scan(&e.Cursor.Seq, &e.Cursor.Epoch, &e.Account, &e.Appointment,
		&e.AccountJSON, &e.AppointmentJSON, &e.Name, &e.ChangedAt)
	return e, err
}

// Log answers clients that come back: what of their account they have missed. It is stateless and may be
// used concurrently.
type Log struct {
	pool   *pgxpool.Pool
	loader *Loader
	limit  int
	turns  chan struct{} // held while the database is asked
}

// NewLog reads with the runtime role's pool; limit is the largest number of events that one replay sends.
// Replays take at most half of the pool's connections, so that the feed does not stand in line behind
// thousands of clients that come back at once.
func NewLog(pool *pgxpool.Pool, loader *Loader, limit int) *Log {
	turns := max(1, pool.Config().MaxConns/2)
	return &Log{pool: pool, loader: loader, limit: limit, turns: make(chan struct{}, turns)}
}

// Seq is the number of an event id: larger numbers come later within one connection. ok is false for what
// is not one of our ids.
func (l *Log) Seq(id string) (seq int64, ok bool) {
	cursor, err := ParseCursor(id)
	return cursor.Seq, err == nil
}

// Replay calls yield for every event of the account after the cursor, up to seq upTo, in order.
//
// recovered is false, and yield was not called, when the cursor is not one of ours, lies ahead of the log, in
// a lost tail or before the retention, or when more than the limit was missed: then the client must fetch
// its list. An error means that the database could not tell; some events may have been yielded by then.
func (l *Log) Replay(ctx context.Context, account, cursor string, upTo int64,
	yield func(id string, seq int64, event string, data []byte),
) (recovered bool, err error) {
	from, err := ParseCursor(cursor)
	if err != nil {
		return false, nil //nolint:nilerr // a malformed cursor is an answer, not a failure
	}
	missed, known, err := l.missed(ctx, account, from, upTo)
	if err != nil || !known || len(missed) > l.limit {
		return false, conceal(err)
	}
	for batch := range slices.Chunk(missed, readBatch) {
		data, err := l.load(ctx, batch)
		if err != nil {
			return false, conceal(err)
		}
		for i, event := range batch {
			yield(event.Cursor.String(), event.Cursor.Seq, event.Name, data[i])
		}
	}
	return true, nil
}

func (l *Log) load(ctx context.Context, batch []Event) ([][]byte, error) {
	if err := l.takeTurn(ctx); err != nil {
		return nil, err
	}
	defer l.endTurn()
	return l.loader.Load(ctx, batch)
}

// missed reads the events first and then judges the cursor: what the retention cuts between the two makes the
// judgement worse, never the list shorter than it was judged to be.
func (l *Log) missed(ctx context.Context, account string, from Cursor, upTo int64) (missed []Event, known bool, err error) {
	if err := l.takeTurn(ctx); err != nil {
		return nil, false, err
	}
	defer l.endTurn()
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	var canonical string
	batch := &pgx.Batch{}
	batch.Queue(accountSQL, account).QueryRow(func(row pgx.Row) error { return row.Scan(&canonical) })
	batch.Queue(replaySQL, account, from.Seq, upTo, l.limit+1).Query(func(rows pgx.Rows) (err error) {
		missed, err = pgx.CollectRows(rows, scanEvent)
		return err
	})
	batch.Queue(knownSQL, from.Epoch, from.Seq).QueryRow(func(row pgx.Row) error { return row.Scan(&known) })
	err = l.pool.SendBatch(ctx, batch).Close()
	switch {
	case strings.HasPrefix(sqlState(err), "22"): // data exception: no value of the clinic's id type, so nothing was ever its
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read missed events: %w", err)
	}
	// "01" would be read as 1, but is another account's name.
	return missed, known && canonical == account, nil
}

func (l *Log) takeTurn(ctx context.Context) error {
	select {
	case l.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn to replay: %w", context.Cause(ctx))
	}
}

func (l *Log) endTurn() { <-l.turns }
