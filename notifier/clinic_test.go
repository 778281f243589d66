package notifier

import (
	"context"
	"net/url"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"notifier/sql/pgtest"
)

// The statuses of clinic.sql.
const (
	booked    = 1
	checkedIn = 2
	serving   = 3
	missed    = 4
	finished  = 5
	cancelled = 6
)

// What must never be in a log: every test's patients, phones, notes and password are made of these.
const (
	patientName = "Maria Sigilosa"
	phoneNumber = "(81) 98888-7777"
	notesText   = "Queixa reservada"
	dsnPassword = "senha-do-banco"
)

// clinic is a database with three accounts, each with a patient; account n has the doctors n and n+10.
type clinic struct {
	t   testing.TB
	db  *pgtest.DB
	app *pgxpool.Pool
}

func newClinic(t testing.TB) *clinic {
	t.Helper()
	return furnish(t, pgtest.Migrated(t))
}

func furnish(t testing.TB, db *pgtest.DB) *clinic {
	t.Helper()
	c := &clinic{t: t, db: db, app: db.Pool(pgtest.App)}
	c.exec(`INSERT INTO accounts (id, name) SELECT n, 'Clínica ' || n FROM generate_series(1, 3) AS n`)
	c.exec(`INSERT INTO doctors (id, "accountId", name) SELECT n + m, n, 'Dr. ' || n + m FROM generate_series(1, 3) AS n, (VALUES (0), (10)) AS v (m)`)
	c.exec(`INSERT INTO patients (id, "accountId", name) SELECT n, n, $1 FROM generate_series(1, 3) AS n`, patientName)
	c.exec(`INSERT INTO contacts ("patientId", phone) SELECT n, $1 FROM generate_series(1, 3) AS n`, phoneNumber)
	return c
}

// runtimeURL has a password in it (which the test server does not ask for), to be looked for in logs.
func runtimeURL(t testing.TB, plain string) string {
	t.Helper()
	u, err := url.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(pgtest.Runtime, dsnPassword)
	return u.String()
}

// exec runs a statement as the clinic's application.
func (c *clinic) exec(statement string, args ...any) {
	c.t.Helper()
	if _, err := c.app.Exec(context.Background(), statement, args...); err != nil {
		c.t.Fatalf("%.200s: %v", statement, err)
	}
}

// super runs statements as the superuser, whom the runtime role's rights do not bind.
func (c *clinic) super(statements string) {
	c.t.Helper()
	c.db.Exec(pgtest.Superuser, statements)
}

// book makes an appointment of an account with its first doctor and returns its id.
func (c *clinic) book(account, status int) int {
	c.t.Helper()
	return c.bookAll(account, status, 1)[0]
}

func (c *clinic) bookAll(account, status, count int) []int {
	c.t.Helper()
	return c.ids(`INSERT INTO appointments (date, "startTime", "endTime", notes, "accountId", "doctorId", "patientId", "statusId")
		SELECT '2025-01-23', '09:00', '09:15', $4, $1, $1, $1, $2 FROM generate_series(1, $3) RETURNING id`,
		account, status, count, notesText)
}

// ids runs a statement that returns ids.
func (c *clinic) ids(statement string, args ...any) []int {
	c.t.Helper()
	rows, err := c.app.Query(context.Background(), statement, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	var ids []int
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			c.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		c.t.Fatalf("%.200s: %v", statement, err)
	}
	return ids
}

// set changes an appointment's status, as the clinic's application does.
func (c *clinic) set(appointment, status int) {
	c.t.Helper()
	c.exec(`UPDATE appointments SET "statusId" = $2 WHERE id = $1`, appointment, status)
}

// finish books an appointment and finishes it.
func (c *clinic) finish(account int) int {
	c.t.Helper()
	id := c.book(account, booked)
	c.set(id, finished)
	return id
}

func (c *clinic) occupy(doctor int) {
	c.t.Helper()
	c.exec(`UPDATE doctors SET "isBusy" = true WHERE id = $1`, doctor)
}

func (c *clinic) busy(doctor int) bool {
	c.t.Helper()
	return pgtest.Get[bool](c.db, `SELECT "isBusy" FROM doctors WHERE id = $1`, doctor)
}

// begin opens a transaction of the clinic that stays open until the test ends it.
func (c *clinic) begin(statement string, args ...any) (end func()) {
	c.t.Helper()
	tx, err := c.db.Connect(pgtest.App).Begin(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := tx.Exec(context.Background(), statement, args...); err != nil {
		c.t.Fatalf("%.200s: %v", statement, err)
	}
	return func() {
		c.t.Helper()
		if err := tx.Commit(context.Background()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// lock holds what only the owner may: a table against everybody.
func (c *clinic) lock(table string) (unlock func()) {
	c.t.Helper()
	conn := c.db.Connect(pgtest.Superuser)
	if _, err := conn.Exec(context.Background(), "BEGIN; LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		c.t.Fatal(err)
	}
	return func() {
		c.t.Helper()
		if _, err := conn.Exec(context.Background(), "COMMIT"); err != nil {
			c.t.Fatal(err)
		}
	}
}

// wrapView moves the DTO view to plain_dto and runs statements that create another in its place.
func (c *clinic) wrapView(statements string) {
	c.t.Helper()
	c.super(`ALTER VIEW notifier.appointment_dto RENAME TO plain_dto; ` + statements +
		`; GRANT SELECT ON notifier.appointment_dto TO ` + pgtest.Runtime)
}

// eventOf is a log row as the feed reads it, for tests of the loader alone.
func eventOf(appointment, account int) Event {
	id, of := strconv.Itoa(appointment), strconv.Itoa(account)
	return Event{
		Cursor: Cursor{1, 1}, Kind: KindAppointment, Account: of, Appointment: id, AccountJSON: []byte(of), AppointmentJSON: []byte(id),
		Name: "appointmnents.finished", ChangedAt: eventTime,
	}
}

// refuse makes the database refuse connections and ends those that the daemons have.
func (c *clinic) refuse() {
	c.t.Helper()
	c.cluster(`ALTER DATABASE ` + c.db.Name + ` ALLOW_CONNECTIONS false`)
	c.cluster(terminateSQL, c.db.Name)
}

func (c *clinic) accept() {
	c.t.Helper()
	c.cluster(`ALTER DATABASE ` + c.db.Name + ` ALLOW_CONNECTIONS true`)
}

// terminateSQL ends every connection of the runtime role to one database.
const terminateSQL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'notifier_runtime'`

// cluster runs a statement as the superuser on another database.
func (c *clinic) cluster(statement string, args ...any) {
	c.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.Server(c.t).URL(pgtest.Superuser, "postgres"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		c.t.Fatalf("%.200s: %v", statement, err)
	}
}
