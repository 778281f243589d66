package sql_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"notifier/sql"
	"notifier/sql/pgtest"
)

func TestRoutesAreAddedListedAndRemoved(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	ctx := context.Background()
	m, _ := migrator(t, c.DB, sql.Config{})
	for _, route := range []sql.Route{
		{Status: "CHECKIN", Event: "appointments.checkin"},
		{Status: "EM_ATENDIMENTO", Event: "appointments.serving"},
		{Status: "FALTOU", Event: "appointments.missed", ReleasesDoctor: true},
		{Status: "CHECKIN", Event: "appointments.checkin"}, // again
	} {
		if err := m.AddRoute(ctx, route); err != nil {
			t.Fatalf("add %+v: %v", route, err)
		}
	}
	c.RouteDoctors()
	id := c.book(1, agendado)
	for _, status := range []int{checkin, emAtendimento, finalizado, faltou, agendado} {
		c.change(id, status)
	}
	got := pgtest.Get[string](c.DB, `SELECT string_agg(concat_ws(' ', status, event, releases_doctor), ', ' ORDER BY id) FROM notifier.staging`)
	want := "CHECKIN appointments.checkin f, EM_ATENDIMENTO appointments.serving f, FINALIZADO appointmnents.finished t, FALTOU appointments.missed t"
	if got != want {
		t.Errorf("staged %s, want %s", got, want)
	}

	runtime, _ := migrator(t, c.DB, sql.Config{URL: c.URL(pgtest.Runtime)})
	routes, err := runtime.Routes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(routes)
	const listed = `{"statuses":[{"status":"AGENDADO","event":"","releasesDoctor":false,"known":true},` +
		`{"status":"CANCELADO","event":"appointmnents.finished","releasesDoctor":false,"known":true},` +
		`{"status":"CHECKIN","event":"appointments.checkin","releasesDoctor":false,"known":true},` +
		`{"status":"EM_ATENDIMENTO","event":"appointments.serving","releasesDoctor":false,"known":true},` +
		`{"status":"FALTOU","event":"appointments.missed","releasesDoctor":true,"known":true},` +
		`{"status":"FINALIZADO","event":"appointmnents.finished","releasesDoctor":true,"known":true}],` +
		`"doctors":{"event":"doctors.busy","table":"doctors","state":"enabled"},"unable":[]}`
	if string(text) != listed {
		t.Errorf("listed\n%s, want\n%s", text, listed)
	}

	if removed, err := m.RemoveRoute(ctx, "CHECKIN"); err != nil || removed.Event != "appointments.checkin" {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if event, err := m.UnrouteDoctors(ctx); err != nil || event != "doctors.busy" {
		t.Errorf("removed %s, %v", event, err)
	}
	c.reset()
	c.change(c.book(1, agendado), checkin)
	c.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = NOT "isBusy"`)
	if n := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.staging`); n != 0 {
		t.Errorf("%d staged after the routes were removed, want none", n)
	}
}

func TestADoctorsEventMayBeNamedAndRenamed(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	m, _ := migrator(t, c.DB, sql.Config{})
	for i, name := range []string{"médicos.estado", "doctors.state", sql.DoctorsEvent} {
		if err := m.RouteDoctors(context.Background(), name); err != nil {
			t.Fatal(err)
		}
		routes, err := m.Routes(context.Background())
		if err != nil || routes.Doctors == nil || routes.Doctors.Event != name {
			t.Errorf("routes %+v, %v; want %s", routes.Doctors, err, name)
		}
		c.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = NOT "isBusy" WHERE id = 1`)
		if got := pgtest.Get[string](c.DB, `SELECT event FROM notifier.staging ORDER BY id DESC LIMIT 1`); got != name {
			t.Errorf("change %d raised %s, want %s", i, got, name)
		}
	}
	if n := pgtest.Get[int](c.DB, `SELECT count(*) FROM pg_trigger WHERE tgrelid = 'doctors'::regclass AND NOT tgisinternal`); n != 1 {
		t.Errorf("%d triggers on doctors, want 1", n)
	}
	// By hand, without the name.
	c.Exec(pgtest.Owner, `DROP TRIGGER notifier_capture_doctor ON doctors; CREATE TRIGGER mine AFTER UPDATE ON doctors FOR EACH ROW
		EXECUTE FUNCTION notifier.capture_doctor()`)
	c.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = NOT "isBusy" WHERE id = 1`)
	if routes, err := m.Routes(context.Background()); err != nil || routes.Doctors == nil || routes.Doctors.Event != sql.DoctorsEvent {
		t.Errorf("routes %+v, %v; want %s", routes.Doctors, err, sql.DoctorsEvent)
	}
}

func TestRoutesThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	ctx := context.Background()
	m, _ := migrator(t, c.DB, sql.Config{})
	app, _ := migrator(t, c.DB, sql.Config{URL: c.URL(pgtest.App)})
	before, _ := migrator(t, pgtest.Previous(t), sql.Config{})
	elsewhere, _ := migrator(t, pgtest.Clinic(t), sql.Config{})
	checkIn := sql.Route{Status: "CHECKIN", Event: "appointments.checkin"}
	remove := func(m *sql.Migrator, status string) error {
		_, err := m.RemoveRoute(ctx, status)
		return err
	}
	unroute := func(m *sql.Migrator) error {
		_, err := m.UnrouteDoctors(ctx)
		return err
	}
	list := func(m *sql.Migrator) error {
		_, err := m.Routes(ctx)
		return err
	}
	for _, x := range []struct {
		name string
		err  error
		want string
	}{
		{"a status that the clinic does not have", m.AddRoute(ctx, sql.Route{Status: "CHECK", Event: "x"}),
			"it has AGENDADO, CANCELADO, CHECKIN, EM_ATENDIMENTO, FALTOU, FINALIZADO"},
		{"a status that raises another event", m.AddRoute(ctx, sql.Route{Status: "FINALIZADO", Event: "x"}),
			"FINALIZADO raises appointmnents.finished already and releases the doctor"},
		{"no event", m.AddRoute(ctx, sql.Route{Status: "CHECKIN"}), "cannot be the name"},
		{"a name with a blank", m.AddRoute(ctx, sql.Route{Status: "CHECKIN", Event: "a b"}), "cannot be the name"},
		{"a name that is too long", m.AddRoute(ctx, sql.Route{Status: "CHECKIN", Event: strings.Repeat("é", 51)}), "cannot be the name"},
		{"a reserved name", m.AddRoute(ctx, sql.Route{Status: "CHECKIN", Event: "connect"}), "means something else"},
		{"the name of tests", m.RouteDoctors(ctx, "notifier.test"), "means something else"},
		{"to remove what is not there", remove(m, "CHECKIN"), "what has a route: CANCELADO, FINALIZADO"},
		{"to remove the doctors' trigger where none is", unroute(m), "nothing to remove"},
		{"not the owner", app.AddRoute(ctx, checkIn), "42501"},
		{"not the owner, who only looks", list(app), "42501"},
		{"not installed", elsewhere.AddRoute(ctx, checkIn), "notifier migrate up"},
		{"the previous release's schema", before.RouteDoctors(ctx, sql.DoctorsEvent), "notifier migrate up"},
		{"the previous release's schema, listed", list(before), "notifier migrate up"},
	} {
		if x.err == nil || !strings.Contains(x.err.Error(), x.want) {
			t.Errorf("%s: %v, want %s", x.name, x.err, x.want)
		}
	}
	equal(t, "routes", pgtest.Get[[]string](c.DB, `SELECT array_agg(status ORDER BY status) FROM notifier.route`), []string{"CANCELADO", "FINALIZADO"})
}

// A value that does not fit would fail the clinic's own statement.
func TestDoctorsWhoseColumnsDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ alter, want string }{
		{`ALTER TABLE doctors ALTER id TYPE bigint`, "id is bigint, and integer in the appointments"},
		{`ALTER TABLE doctors ALTER "accountId" TYPE text`, `"accountId" is text, and integer in the appointments`},
		{`ALTER TABLE doctors DROP "accountId"`, `"accountId" is not there`},
		{`ALTER TABLE doctors ALTER id TYPE smallint`, ""},
	} {
		db := pgtest.Migrated(t)
		m, _ := migrator(t, db, sql.Config{})
		down(t, m, true)
		db.Exec(pgtest.Owner, `ALTER TABLE appointments DROP CONSTRAINT "appointments_doctorId_fkey";
			ALTER TABLE doctors DROP CONSTRAINT "doctors_accountId_fkey"`)
		if !strings.Contains(x.want, "not there") {
			db.Exec(pgtest.Owner, x.alter)
		}
		up(t, m)
		if strings.Contains(x.want, "not there") {
			db.Exec(pgtest.Owner, `DROP VIEW notifier.doctor_dto; `+x.alter)
		}
		err := m.RouteDoctors(context.Background(), sql.DoctorsEvent)
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s: %v, want %q", x.alter, err, x.want)
		}
	}
}

// Who holds the doctors makes the command wait and not the clinic: each try is short.
func TestTheDoctorsTriggerIsMadeWithPatience(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	holder := c.Connect(pgtest.App)
	execute(t, holder, `BEGIN`)
	execute(t, holder, `UPDATE doctors SET name = name`)
	m, log := migrator(t, c.DB, sql.Config{LockTimeout: 20 * time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- m.RouteDoctors(context.Background(), sql.DoctorsEvent) }()
	eventually(t, "a try to be given up", func() bool { return contains(log, "migration_waits_for_lock") })
	execute(t, c.app, `UPDATE doctors SET name = name WHERE false`) // a writer gets through
	execute(t, holder, `COMMIT`)
	if err := <-done; err != nil {
		t.Error(err)
	}
	impatient, _ := migrator(t, c.DB, sql.Config{LockTimeout: 20 * time.Millisecond, LockWait: time.Millisecond})
	execute(t, holder, `BEGIN`)
	execute(t, holder, `UPDATE doctors SET name = name`)
	if _, err := impatient.UnrouteDoctors(context.Background()); err == nil || !strings.Contains(err.Error(), "--lock-wait") {
		t.Errorf("removed: %v", err)
	}
}

func TestAnOldDaemonIsNamed(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	execute(t, c.runtime, enlistOld)
	m, _ := migrator(t, c.DB, sql.Config{})
	err := m.RouteDoctors(context.Background(), sql.DoctorsEvent)
	if !errors.Is(err, sql.ErrDaemonsUnable) || !strings.Contains(err.Error(), "old at 127.0.0.1:1, version 0.1.0") {
		t.Errorf("got %v, want one that names the daemon", err)
	}
}

// released are the migrations of 0.1.0. A database that was migrated with them has them for good: a change would make others
// different from it.
var released = map[string]string{
	"00001_outbox.sql":          "8eaa248837c264f0",
	"00002_pump.sql":            "28ef182c43604847",
	"00003_release.sql":         "330b2202149ac00e",
	"00004_appointment_dto.sql": "4e16c65abf78c5dc",
	"00005_prune.sql":           "e85ebb7baab56a07",
	"00006_capture.sql":         "26fc0cf977bb4912",
	"00007_triggers.sql":        "e9e0f2f3ab6ff069",
	"00008_reconcile.sql":       "9d0e49fa283fbde5",
	"00009_daemon.sql":          "282310e9dd51f59b",
	"00010_statuses.sql":        "3da2bd15203f07aa",
}

func TestAReleasedMigrationIsNeverChanged(t *testing.T) {
	t.Parallel()
	for name, want := range released {
		text, err := os.ReadFile("migrations/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:8]); got != want {
			t.Errorf("%s is %s, and was released as %s: a new migration is what changes something", name, got, want)
		}
	}
	if len(released) != 10 {
		t.Errorf("%d are listed, want 10", len(released))
	}
}
