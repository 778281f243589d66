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
// find six bad ones among a thousand, not enough to hold the others up when the view raises for all.
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

// Load returns the data of each event, in their order: the appointment or doctor as it is now, or a tombstone where it is
// gone, belongs to another account, or cannot be read; nil for events of a kind that is not known. One query for all of a
// kind; when it raises, the batch is halved until the row at fault stands alone. An error means that the database
// could not be asked.
func (l *Loader) Load(ctx context.Context, events []Event) ([][]byte, error) {
	found := make(map[string]map[string]loaded, 2)
	for _, what := range loadables {
		ids := what.distinct(events)
		if len(ids) == 0 {
			continue
		}
		batch := loading{loadable: what, found: make(map[string]loaded, len(ids))}
		if err := l.load(ctx, ids, &batch); err != nil {
			return nil, err
		}
		if batch.unread > 0 {
			l.tellUnread(ctx, &batch)
		}
		found[what.kind] = batch.found
	}
	data := make([][]byte, len(events))
	for i, event := range events {
		data[i] = l.dataOf(event, found[event.Kind])
	}
	return data, nil
}

func (l *Loader) tellUnread(ctx context.Context, batch *loading) {
	problem := slog.String("problem", batch.problem)
	if batch.loadable == &ofDoctors {
		l.log.LogAttrs(ctx, slog.LevelWarn, "doctors_not_loaded", slog.Int("doctors", batch.unread),
			slog.String("first_doctor", batch.firstUnread), problem)
		return
	}
	l.log.LogAttrs(ctx, slog.LevelWarn, "appointments_not_loaded", slog.Int("appointments", batch.unread),
		slog.String("first_appointment", batch.firstUnread), problem)
}

func (l *Loader) dataOf(event Event, found map[string]loaded) []byte {
	switch {
	case event.Kind == KindTest:
		return testOf(event)
	case !event.isKnown():
		return nil
	}
	id, _ := event.subject()
	if row := found[id]; row.data != nil && row.account == event.Account {
		return row.data
	}
	l.metrics.Tombstone()
	return tombstoneOf(event)
}

// loading is what one Load has come by so far.
type loading struct {
	*loadable
	found       map[string]loaded
	faults      int // queries that failed
	unread      int // what was given up
	firstUnread string
	problem     string // of the first: an SQLSTATE, or problemShape
}

// problemShape: the view was replaced by one whose procedures are not [{id, name, price}].
const problemShape = "procedures_malformed"

// loaded is one appointment or doctor: whose it is, and its JSON (nil when it was given up).
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

// check is nil when the views are there and we have the right to read them, whatever their rows then come upon.
func (l *Loader) check(ctx context.Context) error {
	for _, what := range loadables {
		batch := loading{loadable: what, found: map[string]loaded{}}
		if err := l.query(ctx, nil, &batch); err != nil && (!isStatementFault(err) || IsNotMigrated(err)) {
			return err
		}
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
		if here.loads[batch.loadable] {
			run = inOneRoundTrip
		}
		here.loads[batch.loadable] = false
		err := run(ctx, conn, batch.statement, arrayLiteral(ids), func(rows pgx.Rows) error { return collect(rows, batch) })
		here.loads[batch.loadable] = err == nil
		return err
	})
	if err != nil {
		return fmt.Errorf("load %ss: %w", batch.kind, err)
	}
	return nil
}

func inTransaction(ctx context.Context, conn *pgxpool.Conn, statement, ids string, read func(pgx.Rows) error) error {
	begin := pgx.TxOptions{BeginQuery: "BEGIN; " + loadSettingsSQL}
	return pgx.BeginTxFunc(ctx, conn, begin, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, statement, ids)
		if err != nil {
			return err
		}
		return read(rows)
	})
}

func inOneRoundTrip(ctx context.Context, conn *pgxpool.Conn, statement, ids string, read func(pgx.Rows) error) error {
	batch := &pgx.Batch{}
	batch.Queue(loadSettingsSQL)
	batch.Queue(statement, ids).Query(read)
	return conn.SendBatch(ctx, batch).Close()
}

// collect reads the view's rows. Of a patient with two contacts, which makes two rows, the first counts.
func collect(rows pgx.Rows, batch *loading) error {
	defer rows.Close()
	for rows.Next() {
		row := rows.RawValues() // valid until the next
		if _, twice := batch.found[string(row[colID])]; twice {
			continue
		}
		id := string(row[colID])
		data, err := batch.encode(row)
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
