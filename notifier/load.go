package notifier

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// maxLoadFaults bounds how often one Load is told no before it stops looking for rows that can be read: enough to
// find six bad ones among 500, not enough to hold the others up when the view raises for all.
const maxLoadFaults = 64

// Loader reads the data of events. It may be used concurrently.
type Loader struct {
	pool    *pgxpool.Pool
	metrics Metrics
	log     *slog.Logger
	limit   timeLimit
}

// NewLoader reads with the runtime role's pool.
func NewLoader(pool *pgxpool.Pool, metrics Metrics, log *slog.Logger) *Loader {
	return &Loader{pool: pool, metrics: metrics, log: log}
}

// Load returns the data of each event, in their order: the appointment as it is now, or a tombstone where it is
// gone, belongs to another account, or cannot be read. One query for all; when the view raises, the batch
// is halved until the row at fault stands alone. An error means that the database could not be asked.
func (l *Loader) Load(ctx context.Context, events []Event) ([][]byte, error) {
	batch := loading{found: make(map[string]loaded, len(events))}
	if err := l.load(ctx, distinctAppointments(events), &batch); err != nil {
		return nil, err
	}
	if batch.unread > 0 {
		l.log.LogAttrs(ctx, slog.LevelWarn, "appointments_not_loaded", slog.Int("appointments", batch.unread),
			slog.String("first_appointment", batch.firstUnread), slog.String("problem", batch.problem))
	}
	data := make([][]byte, len(events))
	for i, event := range events {
		if row := batch.found[event.Appointment]; row.data != nil && row.account == event.Account {
			data[i] = row.data
			continue
		}
		data[i] = tombstoneOf(event)
		l.metrics.Tombstone()
	}
	return data, nil
}

// loading is what one Load has come by so far.
type loading struct {
	found       map[string]loaded
	faults      int // queries that failed
	unread      int // appointments that were given up
	firstUnread string
	problem     string // of the first: an SQLSTATE, or problemShape
}

// problemShape: the view was replaced by one whose procedures are not [{id, name, price}].
const problemShape = "procedures_malformed"

// loaded is one appointment: whose it is, and its JSON (nil when it was given up).
type loaded struct {
	account string
	data    []byte
}

func (b *loading) giveUp(ids []string, problem string) {
	if b.unread == 0 {
		b.firstUnread, b.problem = ids[0], problem
	}
	b.unread += len(ids)
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

func (l *Loader) load(ctx context.Context, ids []string, batch *loading) error {
	if batch.faults >= maxLoadFaults {
		batch.giveUp(ids, "")
		return nil
	}
	err := l.query(ctx, ids, batch)
	if err == nil {
		return nil
	}
	batch.faults++
	switch {
	case !isStatementFault(err), IsNotMigrated(err) && l.check(ctx) != nil:
		return err
	case len(ids) == 1 || isWait(err): // halving would not help against a lock or a slow view
		batch.giveUp(ids, sqlState(err))
		return nil
	}
	half := len(ids) / 2
	if err := l.load(ctx, ids[:half], batch); err != nil {
		return err
	}
	return l.load(ctx, ids[half:], batch)
}

// isWait tells whether a statement ended because it waited or ran too long.
func isWait(err error) bool {
	state := sqlState(err)
	return state == "55P03" || state == "57014"
}

// check is nil when the view is there and we have the right to read it, whatever its rows then come upon.
func (l *Loader) check(ctx context.Context) error {
	batch := loading{found: map[string]loaded{}}
	if err := l.query(ctx, nil, &batch); err != nil && (!isStatementFault(err) || IsNotMigrated(err)) {
		return err
	}
	return nil
}

// query asks for ids under the load's settings. Preparing a statement takes locks, too, so the first time on a
// connection it happens in a transaction that has them; afterwards, and where nothing is prepared, settings and
// query are one round trip, which PostgreSQL runs as one transaction, the settings before it looks at the query.
func (l *Loader) query(ctx context.Context, ids []string, batch *loading) error {
	err := l.limit.run(ctx, l.pool, func(ctx context.Context, conn *pgxpool.Conn) error {
		here := sessionOf(conn.Conn())
		run := inTransaction
		if here.loads {
			run = inOneRoundTrip
		}
		here.loads = false
		err := run(ctx, conn, arrayLiteral(ids), func(rows pgx.Rows) error { return collect(rows, batch) })
		here.loads = err == nil
		return err
	})
	if err != nil {
		return fmt.Errorf("load appointments: %w", err)
	}
	return nil
}

func inTransaction(ctx context.Context, conn *pgxpool.Conn, ids string, read func(pgx.Rows) error) error {
	begin := pgx.TxOptions{BeginQuery: "BEGIN; " + loadSettingsSQL}
	return pgx.BeginTxFunc(ctx, conn, begin, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, loadSQL, ids)
		if err != nil {
			return err
		}
		return read(rows)
	})
}

func inOneRoundTrip(ctx context.Context, conn *pgxpool.Conn, ids string, read func(pgx.Rows) error) error {
	batch := &pgx.Batch{}
	batch.Queue(loadSettingsSQL)
	batch.Queue(loadSQL, ids).Query(read)
	return conn.SendBatch(ctx, batch).Close()
}

// collect reads the view's rows. Of a patient with two contacts, which makes two rows, the first counts.
func collect(rows pgx.Rows, batch *loading) error {
	defer rows.Close()
	for rows.Next() {
		row := appointmentRow(rows.RawValues()) // valid until the next
		if _, twice := batch.found[string(row[colID])]; twice {
			continue
		}
		id := string(row[colID])
		data, err := row.encode()
		if err != nil {
			batch.giveUp([]string{id}, problemShape) // and data is nil
		}
		batch.found[id] = loaded{string(row[colAccount]), data}
	}
	return rows.Err()
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
