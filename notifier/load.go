package notifier

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Loader reads the data of events. It may be used concurrently.
type Loader struct {
	pool    *pgxpool.Pool
	metrics Metrics
	log     *slog.Logger
}

// NewLoader reads with the runtime role's pool.
func NewLoader(pool *pgxpool.Pool, metrics Metrics, log *slog.Logger) *Loader {
	return &Loader{pool: pool, metrics: metrics, log: log}
}

// Load returns the data of each event, in their order: the appointment as it is now, or a tombstone where it is
// gone, belongs to another account, or cannot be read. One query for all; when the view raises, the batch
// is halved until the row at fault stands alone. An error means that the database could not be asked.
func (l *Loader) Load(ctx context.Context, events []Event) ([][]byte, error) {
	found := make(map[string]loaded, len(events))
	if err := l.load(ctx, distinctAppointments(events), found); err != nil {
		return nil, err
	}
	data := make([][]byte, len(events))
	for i, event := range events {
		if row, ok := found[event.Appointment]; ok && row.account == event.Account {
			data[i] = row.data
			continue
		}
		data[i] = tombstoneOf(event)
		l.metrics.Tombstone()
	}
	return data, nil
}

// loaded is one appointment: whose it is, and its JSON.
type loaded struct {
	account string
	data    []byte
}

func distinctAppointments(events []Event) []string {
	seen := make(map[string]struct{}, len(events))
	ids := make([]string, 0, len(events))
	for _, event := range events {
		if _, ok := seen[event.Appointment]; !ok {
			seen[event.Appointment] = struct{}{}
			ids = append(ids, event.Appointment)
		}
	}
	return ids
}

func (l *Loader) load(ctx context.Context, ids []string, found map[string]loaded) error {
	err := l.query(ctx, ids, found)
	switch {
	case err == nil:
		return nil
	case !isStatementFault(err) || IsNotMigrated(err):
		return err
	case len(ids) == 1 || isWait(err): // halving would not help against a lock or a slow view
		l.log.LogAttrs(ctx, slog.LevelWarn, "appointments_not_loaded",
			slog.Int("appointments", len(ids)), slog.String("first_appointment", ids[0]), slog.String("sqlstate", sqlState(err)))
		return nil
	}
	half := len(ids) / 2
	if err := l.load(ctx, ids[:half], found); err != nil {
		return err
	}
	return l.load(ctx, ids[half:], found)
}

// isWait tells whether a statement ended because it waited or ran too long.
func isWait(err error) bool {
	state := sqlState(err)
	return state == "55P03" || state == "57014"
}

// query sends settings and query in one round trip, which PostgreSQL runs as one transaction.
func (l *Loader) query(ctx context.Context, ids []string, found map[string]loaded) error {
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(loadSettingsSQL)
	batch.Queue(loadSQL, arrayLiteral(ids)).Query(func(rows pgx.Rows) error {
		_, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
			return struct{}{}, scanAppointment(row, found)
		})
		return err
	})
	if err := l.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("load appointments: %w", err)
	}
	return nil
}

func scanAppointment(row pgx.CollectableRow, found map[string]loaded) error {
	var (
		id, account             string
		a                       appointment
		doctorID, patientID     json.RawMessage
		statusID                json.RawMessage
		doctorName, patientName *string
		hasContact              bool
		phone                   *string
		statusName, statusColor *string
		procedures              json.RawMessage
	)
	err := row.Scan(&id, &account, &a.ID, &a.AccountID, &a.Date, &a.StartTime, &a.EndTime, &a.Notes,
		&a.CreatedAt, &a.UpdatedAt, &a.DeletedAt, &doctorID, &doctorName, &patientID, &patientName,
		&hasContact, &phone, &statusID, &statusName, &statusColor, &procedures)
	if err != nil {
		return fmt.Errorf("read view notifier.appointment_dto: %w", err)
	}
	if doctorID != nil {
		a.Doctor = &person{doctorID, doctorName}
	}
	if patientID != nil {
		a.Patient = &patient{person: person{patientID, patientName}}
		if hasContact {
			a.Patient.Contact = &contact{phone}
		}
	}
	if statusID != nil {
		a.Status = &status{statusID, statusName, statusColor}
	}
	if err := json.Unmarshal(procedures, &a.Procedures); err != nil {
		return fmt.Errorf("read procedures of view notifier.appointment_dto: %w", err)
	}
	if len(a.Procedures) > 0 {
		a.First = &procedureLink{a.Procedures[0]}
	} else {
		a.Procedures = []procedure{}
	}
	data, err := encode(a)
	if err != nil {
		return err
	}
	if _, twice := found[id]; !twice { // a patient with two contacts makes two rows: the first counts
		found[id] = loaded{account, data}
	}
	return nil
}

// arrayLiteral writes ids as PostgreSQL's array text, so that the array takes the type of the view's id column
// and the index on it is used, whatever that type is.
func arrayLiteral(ids []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for _, c := range []byte(id) {
			if c == '"' || c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}
