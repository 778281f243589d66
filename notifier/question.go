package notifier

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A question to the log is for at most so many clients, and reads at most so many events for each: if all of them have
// missed so much, PostgreSQL answers in a quarter of a second, far from the query timeout.
const (
	questionClients = 250
	questionPage    = 200
)

// question asks the log about one client: what follows its place, and is its place good?
type question struct {
	account string
	from    Cursor
	upTo    int64
	stretch int // where its events begin

	// The answer.
	known  bool
	missed []Event // the next ones, shared with other clients of the account
	more   bool    // there may be more of them
}

// questions asks for many clients at once.
type questions struct{ pool *pgxpool.Pool }

// ask answers all. When an account's name cannot be told to the database (data exception: it has no such letters in its
// encoding), the question is halved until that client stands alone, and its place is not known.
func (q questions) ask(ctx context.Context, clients []*question) error {
	err := q.read(ctx, clients)
	switch {
	case !strings.HasPrefix(sqlState(err), "22"):
		return err
	case len(clients) == 1:
		return nil
	}
	half := len(clients) / 2
	if err := q.ask(ctx, clients[:half]); err != nil {
		return err
	}
	return q.ask(ctx, clients[half:])
}

// read reads the events first and then judges the cursors: what the retention cuts between the two makes the judgement
// worse, never the list shorter than it was judged to be.
func (q questions) read(ctx context.Context, clients []*question) error {
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	log := divide(clients)
	cursors := make(map[Cursor]bool, len(clients))
	for _, client := range clients {
		cursors[client.from] = false
	}
	batch := &pgx.Batch{}
	batch.Queue(replaySettingsSQL) // and all is one transaction
	log.queueRead(batch)
	queueKnown(batch, cursors)
	if err := q.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("read missed events: %w", err)
	}
	log.connect()
	for _, client := range clients {
		client.known = cursors[client.from]
		client.missed, client.more = log.after(client.stretch, client.upTo)
	}
	return nil
}

// queueKnown asks which cursors are good.
func queueKnown(batch *pgx.Batch, cursors map[Cursor]bool) {
	asked := make([]Cursor, 0, len(cursors))
	epochs, seqs := make([]int64, 0, len(cursors)), make([]int64, 0, len(cursors))
	for cursor := range cursors {
		asked = append(asked, cursor)
		epochs, seqs = append(epochs, cursor.Epoch), append(seqs, cursor.Seq)
	}
	batch.Queue(knownSQL, epochs, seqs).Query(func(rows pgx.Rows) error {
		known, err := pgx.CollectRows(rows, pgx.RowTo[bool])
		for i := range known {
			cursors[asked[i]] = known[i]
		}
		return err
	})
}
