package sql_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"notifier/sql"
	"notifier/sql/pgtest"
)

// unseen runs statements for which no trigger fires, as a restore or logical replication does.
func (c *clinic) unseen(statements string, args ...any) {
	c.t.Helper()
	conn := c.Connect(pgtest.Superuser)
	execute(c.t, conn, `SET session_replication_role = replica`)
	execute(c.t, conn, statements, args...)
}

// unreported are the appointments without an event, as "id last-told status releases".
func (c *clinic) unreported(arguments string) string {
	c.t.Helper()
	return pgtest.Get[string](c.DB, `SELECT coalesce(string_agg(format('%s %s %s %s',
		u.appointment_id, u.from_status, u.status, u.releases_doctor), ', ' ORDER BY u.appointment_id), '') FROM notifier.unreported(`+arguments+`) AS u`)
}

// reconcile stages what has changed in the last hour, as the owner of the tables, and returns how many.
func (c *clinic) reconcile() int {
	c.t.Helper()
	return value[int](c.t, c.Connect(pgtest.Owner), `SELECT count(*) FROM notifier.reconcile(now() - interval '1 hour')`)
}

const (
	lastHour = `now() - interval '1 hour'`
	today    = `now(), by_date => true`
)

func TestWhichAppointmentsHaveNoEvent(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	const born = `INSERT INTO appointments (id, date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		VALUES (2, now(), '', '', 1, 1, 1, 5)`
	status := func(id int) string { return fmt.Sprintf(`UPDATE appointments SET "statusId" = %d`, id) }
	seen := func(id int) func() { return func() { c.Exec(pgtest.App, status(id)) } }
	unseen := func(id int) func() { return func() { c.unseen(status(id)) } }
	pump := func() { c.pump() }
	run := func(statement string) func() { return func() { c.Exec(pgtest.App, statement) } }
	for _, x := range []struct {
		name  string
		steps []func() // appointment 1 was booked as CHECKIN before
		want  string
	}{
		{"nothing has happened", nil, ""},
		{"seen, and staged", []func(){seen(finalizado)}, ""},
		{"seen, and numbered", []func(){seen(finalizado), pump}, ""},
		{"not seen", []func(){unseen(finalizado)}, "1  FINALIZADO t"},
		{"a cancellation that was not seen", []func(){unseen(cancelado)}, "1  CANCELADO f"},
		{"a status without a route", []func(){unseen(faltou)}, ""},
		{"the other end was seen, and staged", []func(){seen(finalizado), unseen(cancelado)}, "1 FINALIZADO CANCELADO f"},
		{"the other end was seen, and numbered", []func(){seen(finalizado), pump, unseen(cancelado)}, "1 FINALIZADO CANCELADO f"},
		{"the log has both ends, and the first again", []func(){seen(finalizado), pump, seen(cancelado), pump, unseen(finalizado)}, "1 CANCELADO FINALIZADO t"},
		{"staging tells later things than the log", []func(){seen(finalizado), pump, seen(cancelado), unseen(finalizado)}, "1 CANCELADO FINALIZADO t"},
		{"and may have the present status", []func(){seen(cancelado), pump, seen(finalizado)}, ""},
		{"not seen in between", []func(){unseen(cancelado), seen(finalizado)}, ""},
		{"reopened, not seen", []func(){seen(finalizado), pump, unseen(checkin)}, ""},
		// It cannot be told from a note that was edited.
		{"reopened and ended in the same status again, not seen", []func(){seen(finalizado), pump, unseen(checkin), unseen(finalizado)}, ""},
		{"born ended", []func(){func() { c.unseen(born) }}, "2  FINALIZADO t"},
		{"born ended, seen", []func(){run(born)}, ""},
		{"soft-deleted: the trigger does not ask, either", []func(){run(`UPDATE appointments SET "deletedAt" = now()`), unseen(finalizado)}, "1  FINALIZADO t"},
		{"deleted", []func(){unseen(finalizado), run(`DELETE FROM appointments`)}, ""},
		{"changed before", []func(){unseen(finalizado), run(`UPDATE appointments SET "updatedAt" = now() - interval '2 hours'`)}, ""},
		{"edited after it was told", []func(){seen(finalizado), pump, run(`UPDATE appointments SET notes = 'x', "updatedAt" = now() AT TIME ZONE 'UTC'`)}, ""},
		{"another account's by now", []func(){seen(finalizado), pump, run(`UPDATE appointments SET "accountId" = 2`)}, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			c.reset()
			c.Exec(pgtest.Superuser, `UPDATE notifier.head SET seq = 10000`) // the log's numbers are not those of staging
			c.book(1, checkin)
			for _, step := range x.steps {
				step()
			}
			if got := c.unreported(lastHour); got != x.want {
				t.Errorf("without an event: %q, want %q", got, x.want)
			}
			want := 0
			if x.want != "" {
				want = 1
			}
			if got := c.reconcile(); got != want {
				t.Errorf("staged %d, want %d", got, want)
			}
			if got := c.unreported(lastHour); got != "" {
				t.Errorf("still without an event: %q", got)
			}
			c.pump()
			if got := c.reconcile(); got != 0 {
				t.Errorf("staged %d the second time", got)
			}
		})
	}
}

func TestAReconciledAppointmentIsDeliveredAndItsDoctorReleased(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, checkin)
	c.unseen(`UPDATE appointments SET "statusId" = 5`)
	c.reconcile()
	c.pump()
	c.release(0)
	got := pgtest.Get[string](c.DB, `SELECT concat_ws(' ', seq, appointment_id, account_id, doctor_id, from_status, status, event) FROM notifier.event`)
	if want := fmt.Sprintf("1 %d 1 1 FINALIZADO appointmnents.finished", id); got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	if c.busy(1) {
		t.Error("the doctor is still busy")
	}
}

func TestByDateFindsWhatLeftUpdatedAtAsItWas(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	for _, days := range []int{-1, 0, 1} {
		c.unseen(`INSERT INTO appointments (id, date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId", "updatedAt")
			VALUES (10 + $1::integer, date_trunc('day', now() AT TIME ZONE 'UTC') + $1 * interval '1 day', '', '', 1, 1, 1, 5,
			        now() - interval '9 days')`, days)
	}
	if got := c.unreported(lastHour); got != "" {
		t.Errorf("by the last change: %q, want nothing", got)
	}
	if got, want := c.unreported(today), "10  FINALIZADO t"; got != want {
		t.Errorf("by date, today: %q, want %q", got, want)
	}
	if got, want := c.unreported(`now() - interval '1 day', true, true`), "9  FINALIZADO t, 10  FINALIZADO t"; got != want {
		t.Errorf("by date, from yesterday: %q, want %q", got, want)
	}
	if got := value[int](t, c.Connect(pgtest.Owner), `SELECT count(*) FROM notifier.reconcile(now(), by_date => true)`); got != 1 {
		t.Errorf("staged %d, want 1", got)
	}
}

// The comparison is of the column's own type, so that an index on what it looks for is used, if there is one.
func TestAnIndexOnTheLastChangeServes(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.unseen(`INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId", "updatedAt")
		SELECT now() - i * interval '1 hour', '', '', 1, 1, 1, 5, now() - i * interval '1 hour' FROM generate_series(1, 20000) AS i`)
	c.Exec(pgtest.Owner, `CREATE INDEX ON appointments ("updatedAt"); CREATE INDEX ON appointments (date)`)
	c.Exec(pgtest.Superuser, `ANALYZE`)
	explainEverything(t, c.DB)
	owner := explained(t, c.DB, pgtest.Owner)
	for _, statement := range []string{
		`SELECT * FROM notifier.unreported(now() - interval '9 hours', false, true)`,
		`SELECT * FROM notifier.unreported(now() - interval '9 hours', true, true)`,
		`SELECT * FROM notifier.reconcile(now() - interval '9 hours', 1000, false, true)`,
	} {
		owner.plans = nil
		owner.run(statement)
		indexes := map[string]bool{}
		for _, plan := range owner.plans {
			plan.Plan.walk(func(n planNode) {
				indexes[n.Index] = true
				if n.Relation == "appointments" && n.Type == "Seq Scan" {
					t.Errorf("%s: a sequential scan", statement)
				}
			})
		}
		if !indexes["appointments_updatedAt_idx"] && !indexes["appointments_date_idx"] {
			t.Errorf("%s: uses the indexes %v", statement, indexes)
		}
	}
}

func TestBeforeTheLogBeginsNothingIsStagedUnlessAskedFor(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	old := c.book(1, checkin)
	c.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 5, "updatedAt" = (now() - interval '49 hours') AT TIME ZONE 'UTC'`)
	c.pump()
	missed := c.book(1, checkin)
	c.unseen(`UPDATE appointments SET "statusId" = 5, "updatedAt" = (now() - interval '47 hours') AT TIME ZONE 'UTC' WHERE id = $1`, missed)

	// A retention that has cut everything, because the trigger was away for longer: what it missed is still known.
	c.Exec(pgtest.Superuser, `UPDATE notifier.event SET numbered_at = now() - interval '48 hours';
		UPDATE notifier.cut SET numbered_at = now() - interval '90 days'`)
	c.prune(10)
	if got := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.event`); got != 0 {
		t.Fatalf("%d events left", got)
	}
	const month = `now() - interval '30 days'`
	if got, want := c.unreported(month), fmt.Sprintf("%d  FINALIZADO t", missed); got != want {
		t.Errorf("since a month: %q, want %q: the other was told and is cut", got, want)
	}
	if got, want := c.unreported(month+`, beyond_log => true`), fmt.Sprintf("%d  FINALIZADO t, %d  FINALIZADO t", old, missed); got != want {
		t.Errorf("beyond the log: %q, want %q", got, want)
	}
}

func TestAFreshInstallationHasItsBeginning(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	c := &clinic{DB: db, t: t}
	db.Exec(pgtest.Owner, `INSERT INTO accounts (name) VALUES (''); INSERT INTO doctors ("accountId", name) VALUES (1, '');
		INSERT INTO patients ("accountId", name) VALUES (1, '');
		INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT now(), '', '', 1, 1, 1, 5 FROM generate_series(1, 3)`)
	m, _ := migrator(t, db, sql.Config{})
	up(t, m)
	c.unseen(`INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId") VALUES (now(), '', '', 1, 1, 1, 5)`)
	found, err := sql.Reconcile(context.Background(), db.URL(pgtest.Owner), sql.Reconciliation{Since: 3600e9, DryRun: true})
	if err != nil || found.Found() != 1 || found.Earlier != 3 || len(found.First) != 1 {
		t.Errorf("found %+v, %v; want the one after the installation, and the three before it counted", found, err)
	}
	if found.Since.After(found.LogBegins) {
		t.Errorf("looked since %v, the log begins at %v", found.Since, found.LogBegins)
	}
}

func TestReconcileStagesInBatchesUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.unseen(`INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT now(), '', '', 1, 1, 1, 5 + i % 2 FROM generate_series(1, 2500) AS i`)
	ask := sql.Reconciliation{Since: 3600e9}
	for _, want := range []int{2500, 0} {
		found, err := sql.Reconcile(context.Background(), c.URL(pgtest.Owner), ask)
		if err != nil || found.Found() != want || found.Releases != want/2 || found.Held != 0 {
			t.Errorf("staged %+v, %v; want %d", found, err, want)
		}
	}
	if got := c.pump(); got != 2500 {
		t.Errorf("numbered %d, want 2500", got)
	}
}

func TestReconcileWorksOnAnotherSchemaAndWithoutUpdatedAt(t *testing.T) {
	t.Parallel()
	t.Run("agenda", func(t *testing.T) {
		t.Parallel()
		db := pgtest.Agenda(t)
		c := &clinic{DB: db, t: t}
		c.unseen(`INSERT INTO agenda.clinic VALUES (9, 'x'); INSERT INTO agenda.professional (clinic_id, full_name) VALUES (9, 'x');
			INSERT INTO agenda.person (full_name) VALUES ('x');
			INSERT INTO agenda.visit (clinic_id, professional_id, person_id, state, begins_on, begins_at, ends_at)
			SELECT 9, professional_id, 1, 'called_off', now(), '9:00', '9:15' FROM agenda.professional`)
		found, err := sql.Reconcile(context.Background(), db.URL(pgtest.Owner), sql.Reconciliation{Since: 3600e9})
		if err != nil || found.Statuses["called_off"] != 1 || found.First[0].Account != "9" || found.ByDate {
			t.Errorf("%+v, %v", found, err)
		}
	})
	t.Run("without updatedAt, by date", func(t *testing.T) {
		t.Parallel()
		c := &clinic{DB: textClinic(t, ``, `text`), t: t}
		c.unseen(`INSERT INTO doctors VALUES ('d'); INSERT INTO patients VALUES ('p');
			INSERT INTO appointments VALUES ('` + strings.Repeat("x", 4000) + `', now() AT TIME ZONE 'UTC', 'a', 'd', 'p', 'FINALIZADO')`)
		for _, want := range []int{1, 0} {
			found, err := sql.Reconcile(context.Background(), c.URL(pgtest.Owner), sql.Reconciliation{Since: 1e9})
			if err != nil || found.Found() != want || !found.ByDate {
				t.Errorf("%+v, %v; want %d, by date", found, err, want)
			}
		}
	})
}

func TestReconcileSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	ask := sql.Reconciliation{Since: 3600e9}
	if _, err := sql.Reconcile(context.Background(), pgtest.Clinic(t).URL(pgtest.Owner), ask); err == nil || !strings.Contains(err.Error(), "migrate up") {
		t.Errorf("without notifier: %v", err)
	}
	c := newClinic(t)
	for _, role := range []string{pgtest.App, pgtest.Runtime} {
		_, err := sql.Reconcile(context.Background(), c.URL(role), ask)
		wantState(t, err, insufficientPrivilege)
	}
	stale := c.Connect(pgtest.Owner)
	execute(t, stale, `BEGIN ISOLATION LEVEL REPEATABLE READ`)
	_, err := stale.Exec(context.Background(), `SELECT notifier.reconcile(now())`)
	wantState(t, err, "25000")
	c.Exec(pgtest.Superuser, `ALTER DATABASE `+c.Name+` SET default_transaction_isolation = 'repeatable read'`)
	if _, err := sql.Reconcile(context.Background(), c.URL(pgtest.Owner), ask); err != nil {
		t.Errorf("where repeatable read is the default: %v", err)
	}
}
