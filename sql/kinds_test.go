package sql_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"notifier/sql"
	"notifier/sql/pgtest"
)

// What the previous release calls, and what this one calls.
const (
	enlistOld = `SELECT notifier.enlist('old', '127.0.0.1:1', 'o', '0.1.0')`
	enlistNew = `SELECT notifier.enlist('new', '127.0.0.1:2', 'n', '0.2.0', '{appointment,doctor,test}')`
)

// doctorRows are a table's rows of doctors, in order: doctor, account, from, to, event.
func doctorRows(db *pgtest.DB, table, order string) string {
	return pgtest.Get[string](db, `SELECT coalesce(string_agg(format('%s/%s %s>%s %s', s.doctor_id, s.account_id, s.from_status, s.status, s.event),
		', ' ORDER BY s.`+order+`), '') FROM notifier.`+table+` AS s WHERE s.kind = 'doctor' AND s.appointment_id IS NULL`)
}

func TestWhichChangesOfADoctorAreCaptured(t *testing.T) {
	t.Parallel()
	c := newClinic(t) // four doctors, all of them busy
	c.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = false WHERE id = 1`)
	equal(t, "staged without the trigger", c.staged(), nil)
	c.RouteDoctors()
	for _, x := range []struct{ name, do, want string }{
		{"freed", `UPDATE doctors SET "isBusy" = false WHERE id = 1`, "1/1 busy>free doctors.busy"},
		{"the same again", `UPDATE doctors SET "isBusy" = true WHERE id = 1`, ""},
		{"another column", `UPDATE doctors SET name = 'Dra.' WHERE id = 1`, ""},
		{"there and back", `UPDATE doctors SET "isBusy" = NOT "isBusy" WHERE id = 1; UPDATE doctors SET "isBusy" = NOT "isBusy" WHERE id = 1`,
			"1/1 busy>free doctors.busy, 1/1 free>busy doctors.busy"},
		{"all at once", `UPDATE doctors SET "isBusy" = false`,
			"1/1 busy>free doctors.busy, 2/1 busy>free doctors.busy, 3/2 busy>free doctors.busy, 4/2 busy>free doctors.busy"},
		{"rolled back", `BEGIN; UPDATE doctors SET "isBusy" = false; ROLLBACK`, ""},
		{"moved to another account", `UPDATE doctors SET "accountId" = 2, "isBusy" = false WHERE id = 2`, "2/2 busy>free doctors.busy"},
		{"born", `INSERT INTO doctors ("accountId", name, "isBusy") VALUES (1, 'Dr. Novo', true)`, ""},
		{"deleted", `DELETE FROM doctors WHERE id = 4`, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			c.reset()
			c.Exec(pgtest.Superuser, `TRUNCATE notifier.staging`)
			c.Exec(pgtest.App, x.do)
			if got := doctorRows(c.DB, "staging", "doctor_id, s.id"); got != x.want {
				t.Errorf("staged %q, want %q", got, x.want)
			}
		})
	}
}

func TestADoctorsChangeRingsOncePerTransactionAndIsNumbered(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.RouteDoctors()
	bells := listening(t, c.DB)
	c.Exec(pgtest.App, `BEGIN; UPDATE doctors SET "isBusy" = false WHERE id = 1; UPDATE doctors SET "isBusy" = false WHERE id > 1; COMMIT`)
	equal(t, "bells", bells(), []string{`{"v":1,"appointmentId":null,"accountId":1,"doctorId":1,"action":"free"}`})
	if got := c.pump(); got != 4 {
		t.Errorf("numbered %d, want 4", got)
	}
	want := "1/1 busy>free doctors.busy, 2/1 busy>free doctors.busy, 3/2 busy>free doctors.busy, 4/2 busy>free doctors.busy"
	if got := doctorRows(c.DB, "event", "seq"); got != want {
		t.Errorf("the log has %q, want %q", got, want)
	}
	if n := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.effect`); n != 0 {
		t.Errorf("%d effects, want none", n)
	}
}

// The release writes doctors, so the trigger fires in it: the appointment's own event has its number by then.
func TestAReleaseRaisesTheDoctorsStateAfterTheAppointmentsEvent(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.RouteDoctors()
	c.finish(1)
	c.pump()
	if got, want := fmt.Sprint(c.release(0)), "[{1 released }]"; got != want {
		t.Errorf("released %s, want %s", got, want)
	}
	c.pump()
	if got, want := doctorRows(c.DB, "event", "seq"), "1/1 busy>free doctors.busy"; got != want {
		t.Errorf("the log has %q, want %q", got, want)
	}
	if got := c.release(0); len(got) != 0 || c.pump() != 0 {
		t.Errorf("it goes on: %v", got)
	}
	seqs := pgtest.Get[string](c.DB, `SELECT string_agg(kind, ' ' ORDER BY seq) FROM notifier.event`)
	if want := "appointment doctor"; seqs != want {
		t.Errorf("the log's kinds are %q, want %q", seqs, want)
	}
}

// A lock on staging is what a migration takes. The release that meets it waits its own time, and comes again.
func TestAReleaseThatCannotStageADoctorsStateWaits(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.RouteDoctors()
	c.finish(1)
	c.pump()
	conn := c.Connect(pgtest.Superuser)
	execute(t, conn, `BEGIN`)
	execute(t, conn, `LOCK TABLE notifier.staging IN ACCESS EXCLUSIVE MODE`)
	if got, want := fmt.Sprint(c.release(0)), "[{1  55P03}]"; got != want {
		t.Errorf("released %s, want %s", got, want)
	}
	execute(t, conn, `ROLLBACK`)
	c.retryNow()
	if got, want := fmt.Sprint(c.release(0)), "[{1 released }]"; got != want || c.busy(1) {
		t.Errorf("released %s, want %s; busy: %v", got, want, c.busy(1))
	}
}

func TestATestEventGoesTheWholeWay(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	execute(t, c.runtime, enlistNew)
	bells := listening(t, c.DB)
	execute(t, c.runtime, `SELECT notifier.send_test('2', 'marcador "1"')`)
	equal(t, "bells", bells(), []string{`{"v":1,"appointmentId":null,"accountId":2,"doctorId":null,"action":"test"}`})
	c.pump()
	got := value[string](t, c.runtime, `SELECT concat_ws('|', seq, kind, account_id, coalesce(appointment_id, doctor_id),
		from_status, status, event) FROM notifier.event`)
	if want := `1|test|2|marcador "1"|notifier.test`; got != want {
		t.Errorf("the log has %s, want %s", got, want)
	}
	if n := pgtest.Get[int](c.DB, `SELECT (SELECT count(*) FROM notifier.effect) + (SELECT count(*) FROM notifier.test)`); n != 0 {
		t.Errorf("%d effects and tests stay, want none", n)
	}
}

func TestATestThatCannotBeSent(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	for _, x := range []struct{ name, send, state string }{
		{"an account of another type", `'clínica', 'm'`, "22P02"},
		{"no account", `NULL, 'm'`, "22004"},
		{"no marker", `'1', ''`, "23514"},
		{"too long a marker", `'1', repeat('m', 101)`, "23514"},
	} {
		_, err := c.runtime.Exec(context.Background(), `SELECT notifier.send_test(`+x.send+`)`)
		t.Run(x.name, func(t *testing.T) { wantState(t, err, x.state) })
	}
	if n := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.staging`); n != 0 {
		t.Errorf("%d staged, want none", n)
	}
}

// A daemon of the previous release reads appointments' events only, and would stand still before another.
func TestNothingOfTheNewKindsIsWrittenBesideADaemonOfThePreviousRelease(t *testing.T) {
	t.Parallel()
	listener := `notifier listen`
	for _, x := range []struct {
		name, here, gone string
		alone            bool // it listens and does not enlist
		doctors          bool // are written nevertheless
	}{
		{"enlisted", enlistOld, `SELECT notifier.discharge('old')`, false, false},
		{"killed", enlistOld, `UPDATE notifier.daemon SET seen_at = seen_at - interval '61 seconds' WHERE id = 'old'`, false, false},
		{"alone", `SELECT`, `SELECT`, true, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			c.RouteDoctors()
			execute(t, c.runtime, enlistNew)
			execute(t, c.runtime, x.here)
			old := c.Connect(pgtest.Runtime)
			if x.alone {
				execute(t, old, `SET application_name = '`+listener+`'`)
			}
			_, err := c.runtime.Exec(context.Background(), `SELECT notifier.send_test('1', 'm')`)
			wantState(t, err, "55000")
			c.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = false WHERE id = 1`)
			if got := doctorRows(c.DB, "staging", "id"); (got != "") != x.doctors {
				t.Errorf("beside it, staged %q", got)
			}
			m, _ := migrator(t, c.DB, sql.Config{})
			if err := m.RouteDoctors(context.Background(), "doctors.state"); err == nil || !strings.Contains(err.Error(), "earlier release") {
				t.Errorf("the route was made beside it: %v", err)
			}

			c.Exec(pgtest.Owner, x.gone)
			_ = old.Close(context.Background())
			eventually(t, "it to be gone", func() bool { return pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.unable('test')`) == 0 })
			execute(t, c.runtime, `SELECT notifier.send_test('1', 'm')`)
			c.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = true WHERE id = 1`)
			if got := doctorRows(c.DB, "staging", "id"); !strings.Contains(got, "free>busy") {
				t.Errorf("after it, staged %q", got)
			}
		})
	}
}

// Down to the previous release: its daemons read what stays.
func TestDownTakesTheNewKindsWithItAndLeavesTheOthers(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	before := dump(t, pgtest.Previous(t))
	c.RouteDoctors()
	m, _ := migrator(t, c.DB, sql.Config{})
	if err := m.AddRoute(context.Background(), sql.Route{Status: "CHECKIN", Event: "appointments.checkin"}); err != nil {
		t.Fatal(err)
	}
	c.finish(1) // raises two: it is checked in at first
	execute(t, c.runtime, `SELECT notifier.send_test('1', 'm')`)
	c.pump()
	c.release(0)
	c.pump()
	c.finish(2)
	c.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = false WHERE id = 3`)

	down(t, m, false)
	equal(t, "taken back", down(t, m, false), []string{"00011_kinds.sql"})
	if got := dump(t, c.DB); got != before {
		t.Errorf("the schema is not the previous release's:\n%s", difference(before, got))
	}
	equal(t, "the log", pgtest.Get[[]string](c.DB, `SELECT array_agg(seq || ' ' || event ORDER BY seq) FROM notifier.event WHERE appointment_id IS NOT NULL`),
		[]string{"1 appointments.checkin", "2 appointmnents.finished"})
	if n := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.event`); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	equal(t, "staged", c.staged(), []int{2, 2})
	execute(t, c.runtime, enlistOld)
	if got := c.pump(); got != 2 {
		t.Errorf("numbered %d, want 2", got)
	}
	equal(t, "numbers", pgtest.Get[[]int](c.DB, `SELECT array_agg(seq ORDER BY seq) FROM notifier.event`), []int{1, 2, 5, 6})
	if got := len(c.release(0)); got != 1 {
		t.Errorf("%d released, want 1", got)
	}

	equal(t, "up again", up(t, m), []string{"00011_kinds.sql", "00012_advance.sql"})
	if routes, err := m.Routes(context.Background()); err != nil || routes.Doctors != nil || len(routes.Unable) != 1 {
		t.Errorf("routes %+v, %v; want no doctors' trigger and one old daemon", routes, err)
	}
}

func TestAnInstallationFromBeforeGetsTheNameOfTheDoctorsAccount(t *testing.T) {
	t.Parallel()
	names := func(db *pgtest.DB) string {
		return pgtest.Get[string](db, `SELECT coalesce(names #>> '{columns,doctors.account}', 'none') FROM notifier.setting`)
	}
	t.Run("which is the default", func(t *testing.T) {
		t.Parallel()
		db := pgtest.Previous(t)
		if got := names(db); got != "none" {
			t.Fatalf("the previous release stored %s", got)
		}
		m, _ := migrator(t, db, sql.Config{})
		up(t, m)
		if got := names(db); got != "accountId" {
			t.Errorf("stored %s", got)
		}
		db.RouteDoctors()
	})
	t.Run("which is another, and given later", func(t *testing.T) {
		t.Parallel()
		db := pgtest.Agenda(t)
		m, _ := migrator(t, db, sql.Config{})
		down(t, m, false)
		down(t, m, false)
		up(t, m) // finds no column of the default name
		if got := names(db); got != "" {
			t.Fatalf("stored %q, want none", got)
		}
		err := m.RouteDoctors(context.Background(), sql.DoctorsEvent)
		if err == nil || !strings.Contains(err.Error(), "--column doctors.account=") {
			t.Errorf("the route was made: %v", err)
		}
		down(t, m, false)
		down(t, m, false)
		m, _ = migrator(t, db, sql.Config{Names: sql.Names{Columns: map[string]string{"doctors.account": "clinic_id"}}})
		up(t, m)
		db.RouteDoctors()
		m, _ = migrator(t, db, sql.Config{Names: sql.Names{Columns: map[string]string{"doctors.account": "other"}}})
		if _, err := m.Up(context.Background()); err == nil || !strings.Contains(err.Error(), "clinic_id") {
			t.Errorf("another name was taken: %v", err)
		}
	})
}

func TestDoctorsOfAnotherSchemaRaiseTheirState(t *testing.T) {
	t.Parallel()
	db, app, runtime := newAgenda(t)
	db.RouteDoctors()
	execute(t, runtime, enlistNew)
	bells := db.Connect(pgtest.AgendaRuntime)
	execute(t, bells, `LISTEN notifier_bell`)
	execute(t, app, `UPDATE agenda.professional SET in_session = false`)
	n, err := bells.WaitForNotification(t.Context())
	payload := fmt.Sprintf(`{"v":1,"appointmentId":null,"accountId":%d,"doctorId":"%s","action":"free"}`, bigID, doctora)
	if err != nil || n.Payload != payload {
		t.Errorf("bell %v, %v; want %s", n, err, payload)
	}
	execute(t, runtime, `SELECT notifier.send_test($1, 'm')`, fmt.Sprint(bigID))
	execute(t, runtime, `SELECT * FROM notifier.pump(10)`)
	rows, _ := runtime.Query(context.Background(), `SELECT concat_ws(' ', kind, account_id, doctor_id, status, event) FROM notifier.event ORDER BY seq`)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	want := []string{fmt.Sprintf("doctor %d %s free doctors.busy", bigID, doctora), fmt.Sprintf("test %d m notifier.test", bigID)}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the log has %q, %v; want %q", got, err, want)
	}
	dto := value[string](t, runtime, `SELECT to_json(d)::text FROM notifier.doctor_dto AS d`)
	if want := fmt.Sprintf(`{"id":"%s","account_id":%d,"is_busy":false}`, doctora, bigID); dto != want {
		t.Errorf("the view has %s, want %s", dto, want)
	}
}
