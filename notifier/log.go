package notifier

import (
	"context"
	"encoding/json"
	"fmt"
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
	err := row.Scan(e.columns()...)
	return e, err
}

// columns are where the columns of an event go.
func (e *Event) columns() []any {
	return []any{
		&e.Cursor.Seq, &e.Cursor.Epoch, &e.Account, &e.Appointment, &e.AccountJSON, &e.AppointmentJSON, &e.Name, &e.ChangedAt,
	}
}
