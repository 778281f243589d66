package sql_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"notifier/sql"
	"notifier/sql/pgtest"
)

func TestWhatIsCapturedAndWhatIsNot(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	const insert = `INSERT INTO appointments (id, date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId") VALUES `
	for _, x := range []struct {
		name string
		from int    // status of appointment 1, booked before
		do   string // what the clinic's application does
		want string // what is staged: appointment, from, to, whether it releases the doctor
	}{
		{"finalised", checkin, `UPDATE appointments SET "statusId" = 5`, "1 CHECKIN FINALIZADO t"},
		{"cancelled", emAtendimento, `UPDATE appointments SET "statusId" = 6`, "1 EM_ATENDIMENTO CANCELADO f"},
		{"another status", agendado, `UPDATE appointments SET "statusId" = 2`, ""},
		{"a missed appointment", agendado, `UPDATE appointments SET "statusId" = 4`, ""},
		{"the same status again", finalizado, `UPDATE appointments SET "statusId" = 5`, ""},
		{"another column of a finalised appointment", finalizado, `UPDATE appointments SET notes = 'x'`, ""},
		{"reopened", finalizado, `UPDATE appointments SET "statusId" = 2`, ""},
		{"from one terminal status to the other", finalizado, `UPDATE appointments SET "statusId" = 6`, "1 FINALIZADO CANCELADO f"},
		{"reopened and finalised again", finalizado,
			`UPDATE appointments SET "statusId" = 2; UPDATE appointments SET "statusId" = 5`, "1 CHECKIN FINALIZADO t"},
		{"rolled back", checkin, `BEGIN; UPDATE appointments SET "statusId" = 5; ROLLBACK`, ""},
		{"rolled back to a savepoint", checkin,
			`BEGIN; SAVEPOINT s; UPDATE appointments SET "statusId" = 5; ROLLBACK TO s; UPDATE appointments SET "statusId" = 6; COMMIT`,
			"1 CHECKIN CANCELADO f"},
		{"born finalised", checkin, insert + `(2, now(), '', '', 1, 1, 1, 5)`, "2  FINALIZADO t"},
		{"born waiting", checkin, insert + `(2, now(), '', '', 1, 1, 1, 1)`, ""},
		{"an upsert that finds the row", checkin,
			insert + `(1, now(), '', '', 1, 1, 1, 5) ON CONFLICT (id) DO UPDATE SET "statusId" = excluded."statusId"`, "1 CHECKIN FINALIZADO t"},
		{"deleted", checkin, `DELETE FROM appointments`, ""},
		{"moved to another account and finalised at once", checkin,
			`UPDATE appointments SET "accountId" = 2, "doctorId" = 3, "statusId" = 5`, "1 CHECKIN FINALIZADO t"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c.reset()
			c.Exec(pgtest.App, insert+`(1, now(), '', '', 1, 1, 1, $1)`, x.from)
			c.Exec(pgtest.Superuser, `TRUNCATE notifier.staging`)
			c.Exec(pgtest.App, x.do)
			got := pgtest.Get[string](c.DB, `SELECT coalesce(string_agg(format('%s %s %s %s',
				s.appointment_id, s.from_status, s.status, s.releases_doctor), ', ' ORDER BY s.id), '') FROM notifier.staging AS s`)
			if got != x.want {
				t.Errorf("staged %q, want %q", got, x.want)
			}
		})
	}
}

func TestAStatusThatABeforeTriggerSetsIsCaptured(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, checkin)
	c.Exec(pgtest.Owner, `
		CREATE FUNCTION end_on_note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW."statusId" := 5; RETURN NEW; END';
		CREATE TRIGGER end_on_note BEFORE UPDATE OF notes ON appointments FOR EACH ROW EXECUTE FUNCTION end_on_note()`)
	execute(t, c.app, `UPDATE appointments SET notes = 'done' WHERE id = $1`, id)
	equal(t, "staged", c.staged(), []int{id})
}

func TestAnUpdateOfFiveThousandRowsIsCapturedInItsOrderAndRingsOnce(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	bells := listening(t, c.DB)
	c.Exec(pgtest.App, `INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT now(), '', '', 1, 1, 1, 2 FROM generate_series(1, 5000)`)
	rows, _ := c.app.Query(context.Background(), `UPDATE appointments SET "statusId" = 6 RETURNING id`)
	want, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil || len(want) != 5000 {
		t.Fatalf("updated %d rows: %v", len(want), err)
	}
	if got := c.pump(); got != 5000 {
		t.Errorf("numbered %d, want 5000", got)
	}
	equal(t, "events", pgtest.Get[[]int](c.DB, `SELECT array_agg(appointment_id ORDER BY seq) FROM notifier.event`), want)
	if got := bells(); len(got) != 1 {
		t.Errorf("rang %d times, want once", len(got))
	}
}

func TestARouteEditedWithPlainSQLTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	one, two, three := c.book(1, agendado), c.book(1, agendado), c.book(1, agendado)
	c.change(one, checkin)
	c.Exec(pgtest.Owner, `INSERT INTO notifier.route (status, event) VALUES ('CHECKIN', 'appointments.checkin')`)
	c.change(two, checkin)
	c.Exec(pgtest.Owner, `DELETE FROM notifier.route WHERE status = 'CANCELADO'`)
	c.change(three, cancelado)
	got := pgtest.Get[string](c.DB, `SELECT string_agg(appointment_id || ' ' || event, ', ') FROM notifier.staging`)
	if want := fmt.Sprintf("%d appointments.checkin", two); got != want {
		t.Errorf("staged %q, want %q", got, want)
	}
}

func TestARouteCannotNameAnEventThatClientsCannotTake(t *testing.T) {
	t.Parallel()
	db := pgtest.Migrated(t)
	owner := db.Connect(pgtest.Owner)
	for _, event := range []string{"", "connect", "disconnect", "com espaço", "quote\"", strings.Repeat("x", 101)} {
		_, err := owner.Exec(context.Background(), `INSERT INTO notifier.route (status, event) VALUES ('FALTOU', $1)`, event)
		t.Run(event, func(t *testing.T) { wantState(t, err, "23514") })
	}
}

// textIDs is a clinic whose ids are texts of any length (a hash index finds them; a B-tree would refuse them).
const textIDs = `
	CREATE TABLE doctors (id text, name text, "isBusy" boolean);
	CREATE TABLE patients (id text, name text);
	CREATE TABLE appointments (id text, date timestamp, "accountId" text, "doctorId" text, "patientId" text, "statusId" varchar(40));
	CREATE INDEX ON doctors USING hash (id);
	CREATE INDEX ON patients USING hash (id);
	CREATE INDEX ON appointments USING hash (id);
	CREATE INDEX ON appointments USING hash ("doctorId");
	GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO clinic_app`

func textClinic(t *testing.T, before, statusType string) *pgtest.DB {
	t.Helper()
	db := pgtest.Empty(t)
	db.Exec(pgtest.Owner, before)
	db.Exec(pgtest.Owner, strings.ReplaceAll(textIDs, "varchar(40)", statusType))
	m, _ := migrator(t, db, sql.Config{Names: sql.Names{
		Tables: map[string]string{"statuses": "", "contacts": "", "procedures": "", "appointmentProcedures": ""},
		Columns: map[string]string{
			"appointments.start": "", "appointments.end": "", "appointments.notes": "", "appointments.createdAt": "",
			"appointments.updatedAt": "", "appointments.deletedAt": "",
		},
	}})
	up(t, m)
	db.Exec(pgtest.Superuser, `SELECT notifier.lend_bell('1 hour')`)
	return db
}

func TestIdsOfAnyLengthFailNeitherTheClinicNorThePump(t *testing.T) {
	t.Parallel()
	db := textClinic(t, "", "varchar(40)")
	app, runtime := db.Connect(pgtest.App), db.Connect(pgtest.Runtime)
	bells := listening(t, db)
	lengths := []int{1, 2_600, 2_700, 2_712, 3_000, 8_000, 100_000}
	ids := map[int]string{}
	for _, n := range lengths {
		ids[n] = incompressible(n)
		execute(t, app, `INSERT INTO doctors VALUES ($1, 'Dr.', true)`, ids[n])
		execute(t, app, `INSERT INTO appointments VALUES ($1, now(), $1, $1, 'p', 'CHECKIN')`, ids[n])
		execute(t, app, `UPDATE appointments SET "statusId" = 'FINALIZADO' WHERE id = $1`, ids[n])
	}
	if got := value[int](t, runtime, `SELECT numbered FROM notifier.pump(100)`); got != len(lengths) {
		t.Errorf("numbered %d, want %d", got, len(lengths))
	}
	rows, err := release(runtime, 0)
	if err != nil || len(rows) != len(lengths) || rows[0].Outcome != "released" {
		t.Errorf("released %v, %v; want %d doctors", rows, err, len(lengths))
	}
	for _, n := range lengths {
		got := value[int](t, runtime, `SELECT count(*) FROM notifier.event AS e
			WHERE e.account_hash = hashtextextended($1 COLLATE "C", 0) AND e.account_id::text COLLATE "C" = $1`, ids[n])
		if got != 1 {
			t.Errorf("%d events of the account with %d bytes, want 1", got, n)
		}
	}
	if got := bells(); len(got) < 1 || slices.ContainsFunc(got, func(p string) bool { return len(p) > 7999 }) {
		t.Errorf("rang %d times, want some, and none too long", len(got))
	}
}

// incompressible is a text of n bytes that PostgreSQL cannot make shorter.
func incompressible(n int) string {
	random := make([]byte, n)
	_, _ = rand.Read(random) // it never fails
	return base64.StdEncoding.EncodeToString(random)[:n]
}

func TestAnAppointmentWithoutAnAccountOrADoctorIsCarried(t *testing.T) {
	t.Parallel()
	db := textClinic(t, "", "varchar(40)")
	app, runtime := db.Connect(pgtest.App), db.Connect(pgtest.Runtime)
	execute(t, app, `INSERT INTO appointments (id, "statusId") VALUES ('a', 'FINALIZADO')`)
	if got := value[int](t, runtime, `SELECT numbered FROM notifier.pump(100)`); got != 1 {
		t.Errorf("numbered %d, want 1", got)
	}
	if rows, err := release(runtime, 0); err != nil || len(rows) != 0 {
		t.Errorf("released %v, %v; want nothing", rows, err)
	}
}

func TestAStatusColumnOfAnEnumIsCarried(t *testing.T) {
	t.Parallel()
	db := textClinic(t, `CREATE TYPE state AS ENUM ('CHECKIN', 'EM_ATENDIMENTO', 'FINALIZADO', 'CANCELADO')`, "state")
	app, runtime := db.Connect(pgtest.App), db.Connect(pgtest.Runtime)
	execute(t, app, `INSERT INTO doctors VALUES ('d', 'Dr.', true)`)
	execute(t, app, `INSERT INTO appointments (id, "accountId", "doctorId", "statusId")
		VALUES ('a', '1', 'd', 'CHECKIN'), ('b', '1', 'd', 'EM_ATENDIMENTO')`)
	for _, step := range []struct{ id, status, outcome string }{
		{"a", "FINALIZADO", ""}, // b is being served
		{"b", "CANCELADO", "released"},
	} {
		execute(t, app, `UPDATE appointments SET "statusId" = $2::text::state WHERE id = $1`, step.id, step.status)
		seq := value[int64](t, runtime, `SELECT last_seq FROM notifier.pump(100)`)
		rows, err := release(runtime, seq-1)
		if err != nil || len(rows) != 1 || rows[0].Outcome != step.outcome {
			t.Errorf("after %s of %s: %v, %v; want the outcome %q", step.status, step.id, rows, err, step.outcome)
		}
	}
}
