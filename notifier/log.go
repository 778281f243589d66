package notifier

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The kinds of event, each with data of its own. An event of a kind that is not among these, of a later release, is passed over.
const (
	KindAppointment = "appointment" // an appointment has reached a status
	KindDoctor      = "doctor"      // a doctor is busy now, or free
	KindTest        = "test"        // somebody tries the whole way
)

// Event is one row of the log. Account, Appointment and Doctor are the ids as text, the form in which they are
// compared; the JSON forms are what clients see (a number stays a number).
type Event struct {
	Cursor          Cursor
	Kind            string
	Account         string
	AccountJSON     json.RawMessage // nil when the appointment had no account
	Appointment     string          // "" where it is about none
	AppointmentJSON json.RawMessage
	Doctor          string // "" where it has none
	DoctorJSON      json.RawMessage
	Status          string // that was reached: the clinic's own of an appointment, busy or free of a doctor; a test's marker
	Name            string
	ChangedAt       time.Time
}

// isKnown tells whether there is data for events of this kind.
func (e *Event) isKnown() bool {
	return e.Kind == KindAppointment || e.Kind == KindDoctor || e.Kind == KindTest
}

// readBatch bounds one read of the feed, and so one load and one round of publishing: with more events at a time more of them are for the
// same socket and go out in one write, and all of them fit into the queue of a socket that reads (4 MiB) while they are below 4 kB.
const readBatch = 1000

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
		&e.Cursor.Seq, &e.Cursor.Epoch, &e.Kind, &e.Account, &e.AccountJSON, &e.Appointment, &e.AppointmentJSON,
		&e.Doctor, &e.DoctorJSON, &e.Status, &e.Name, &e.ChangedAt,
	}
}
