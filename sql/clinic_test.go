package sql_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"notifier/sql"
	"notifier/sql/pgtest"
)

// The status ids of clinic.sql.
const (
	agendado = iota + 1
	checkin
	emAtendimento
	faltou
	finalizado
	cancelado
)

// clinic is a migrated database with two accounts, four doctors (all of them busy) and a patient, and a
// connection as the clinic's application and one as the daemon.
type clinic struct {
	*pgtest.DB
	t       testing.TB
	app     *pgx.Conn
	runtime *pgx.Conn
}

func newClinic(t testing.TB) *clinic {
	t.Helper()
	db := pgtest.Migrated(t)
	db.Exec(pgtest.Owner, `
		INSERT INTO accounts (name) VALUES ('Clínica Um'), ('Clínica Dois');
		INSERT INTO doctors ("accountId", name, "isBusy")
		VALUES (1, 'Dr. Victor', true), (1, 'Dra. Ana', true), (2, 'Dr. Hugo', true), (2, 'Dra. Rosa', true);
		INSERT INTO patients ("accountId", name) VALUES (1, 'João Silva')`)
	return &clinic{DB: db, t: t, app: db.Connect(pgtest.App), runtime: db.Connect(pgtest.Runtime)}
}

// reset makes the clinic as it was: no appointments, nothing of ours, everybody busy.
func (c *clinic) reset() {
	c.t.Helper()
	c.Exec(pgtest.Superuser, `TRUNCATE appointments RESTART IDENTITY CASCADE; UPDATE doctors SET "isBusy" = true;
		TRUNCATE notifier.staging, notifier.event, notifier.effect; UPDATE notifier.head SET seq = 0`)
}

// book makes an appointment of account 1 with a doctor.
func (c *clinic) book(doctor, status int) int {
	c.t.Helper()
	return value[int](c.t, c.app, `
		INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		VALUES (now(), '09:00', '09:15', 1, $1, 1, $2) RETURNING id`, doctor, status)
}

func (c *clinic) change(id, status int) {
	c.t.Helper()
	execute(c.t, c.app, `UPDATE appointments SET "statusId" = $2 WHERE id = $1`, id, status)
}

// finish books an appointment in a status and finalises it.
func (c *clinic) finish(doctor int) int {
	c.t.Helper()
	id := c.book(doctor, checkin)
	c.change(id, finalizado)
	return id
}

// serve begins a service as the clinic's application does: the doctor, then the appointment.
func (c *clinic) serve(appointment int) {
	c.t.Helper()
	conn := c.Connect(pgtest.App)
	execute(c.t, conn, `BEGIN`)
	execute(c.t, conn, `UPDATE doctors SET "isBusy" = true WHERE id = (SELECT "doctorId" FROM appointments WHERE id = $1)`, appointment)
	execute(c.t, conn, `UPDATE appointments SET "statusId" = 3 WHERE id = $1`, appointment)
	execute(c.t, conn, `COMMIT`)
}

func (c *clinic) busy(doctor int) bool {
	c.t.Helper()
	return pgtest.Get[bool](c.DB, `SELECT "isBusy" FROM doctors WHERE id = $1`, doctor)
}

// staged are the appointments in staging, in order.
func (c *clinic) staged() []int {
	c.t.Helper()
	return pgtest.Get[[]int](c.DB, `SELECT coalesce(array_agg(appointment_id ORDER BY id), '{}') FROM notifier.staging`)
}

// pump numbers everything and returns how much that was; nothing beside another pump.
func (c *clinic) pump() int {
	c.t.Helper()
	return value[int](c.t, c.runtime, `SELECT coalesce(sum(numbered), 0) FROM notifier.pump(10000)`)
}

// settled is one row that release returned.
type settled struct {
	Seq              int64
	Outcome, Problem string
}

func (c *clinic) release(since int64) []settled {
	c.t.Helper()
	rows, err := c.tryRelease(since)
	if err != nil {
		c.t.Fatalf("release: %v", err)
	}
	return rows
}

func (c *clinic) tryRelease(since int64) ([]settled, error) { return release(c.runtime, since) }

// release calls until a call tells nothing, as the daemons do, and returns what all of them told, by number.
func release(conn *pgx.Conn, since int64) (all []settled, err error) {
	for {
		rows, _ := conn.Query(context.Background(),
			`SELECT seq, coalesce(outcome, ''), coalesce(problem, '') FROM notifier.release(100, $1)`, since)
		told, err := pgx.CollectRows(rows, pgx.RowToStructByPos[settled])
		if err != nil || len(told) == 0 {
			slices.SortStableFunc(all, func(a, b settled) int { return cmp.Compare(a.Seq, b.Seq) })
			return all, err
		}
		all = append(all, told...)
		since = math.MaxInt64
	}
}

// retryNow lets waiting effects be due again, as their time passing does.
func (c *clinic) retryNow() {
	c.t.Helper()
	c.Exec(pgtest.Superuser, `UPDATE notifier.effect SET retry_at = clock_timestamp() WHERE outcome IS NULL`)
}

func execute(t testing.TB, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		t.Fatalf("%.200s: %v", statement, err)
	}
}

func value[T any](t testing.TB, conn *pgx.Conn, query string, args ...any) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var v T
	if err := conn.QueryRow(ctx, query, args...).Scan(&v); err != nil {
		t.Fatalf("%.200s: %v", query, err)
	}
	return v
}

func equal[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantState fails the test unless the statement is refused with an SQLSTATE.
func wantState(t testing.TB, err error, state string) {
	t.Helper()
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != state {
		t.Errorf("got %v, want SQLSTATE %s", err, state)
	}
}

// patience bounds every wait; it is no measurement.
const patience = 30 * time.Second

// eventually waits until the database shows something. The condition is looked at often and not
// waited for, since PostgreSQL signals none of this.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("did not come within %v: %s", patience, what)
		}
	}
}

// listening hears the bells from now on. The function that it returns tells which have come since.
func listening(t testing.TB, db *pgtest.DB) func() []string {
	t.Helper()
	const channel = "notifier_bell"
	conn := db.Connect(pgtest.Runtime)
	execute(t, conn, "LISTEN "+channel)
	return func() []string {
		t.Helper()
		execute(t, conn, "NOTIFY "+channel+", 'so far'") // delivered in the order of commits, so all before it has come
		var payloads []string
		for {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			n, err := conn.WaitForNotification(ctx)
			cancel()
			if err != nil {
				t.Fatalf("wait for notification: %v", err)
			}
			if n.Payload == "so far" {
				return payloads
			}
			payloads = append(payloads, n.Payload)
		}
	}
}

// migrator of a database as its owner, with a log to look at.
func migrator(t testing.TB, db *pgtest.DB, cfg sql.Config) (*sql.Migrator, *logText) {
	t.Helper()
	log := &logText{}
	if cfg.URL == "" {
		cfg.URL = db.URL(pgtest.Owner)
	}
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	m, err := sql.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m, log
}

func up(t testing.TB, m *sql.Migrator) []string {
	t.Helper()
	done, err := m.Up(context.Background())
	if err != nil {
		t.Fatalf("up: %v", err)
	}
	return done
}

func down(t testing.TB, m *sql.Migrator, all bool) []string {
	t.Helper()
	done, err := m.Down(context.Background(), all)
	if err != nil {
		t.Fatalf("down: %v", err)
	}
	return done
}

// logText collects log lines.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func contains(log *logText, text string) bool { return strings.Contains(log.String(), text) }
