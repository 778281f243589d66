package sql_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"notifier/sql"
	"notifier/sql/pgtest"
)

var allMigrations = []string{
	"00001_outbox.sql", "00002_pump.sql", "00003_release.sql", "00004_appointment_dto.sql",
	"00005_prune.sql", "00006_capture.sql", "00007_triggers.sql", "00008_reconcile.sql", "00009_daemon.sql",
	"00010_statuses.sql", "00011_kinds.sql", "00012_advance.sql",
}

func TestUpAppliesEverythingOnceAndTheSecondTimeNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	m, log := migrator(t, db, sql.Config{})
	equal(t, "first up", up(t, m), allMigrations)
	equal(t, "second up", up(t, m), nil)
	if got := log.String(); got != "" {
		t.Errorf("an installation without faults logged:\n%s", got)
	}
}

func TestTwoMigratorsOnAnEmptyDatabaseApplyEachMigrationOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	const migrators = 4
	results := make(chan []string, migrators)
	for range migrators {
		m, _ := migrator(t, db, sql.Config{})
		go func() {
			done, err := m.Up(context.Background())
			if err != nil {
				t.Errorf("up beside others: %v", err)
			}
			results <- done
		}()
	}
	var all []string
	for range migrators {
		all = append(all, <-results...)
	}
	equal(t, "applied by all of them together", all, allMigrations)
}

func TestTwoProcessesThatMigrateAtOnceBothSucceed(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	outputs := make(chan string, 2)
	for range 2 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), migrateURL+"="+db.URL(pgtest.Owner))
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("migrate in a process: %v: %s", err, out)
			}
			outputs <- strings.TrimSpace(string(out))
		}()
	}
	got := []string{<-outputs, <-outputs}
	slices.Sort(got)
	equal(t, "migrations applied by each", got, []string{"0", "12"})
}

func TestDatabasesOfOneClusterMigrateAtOnceWithRolesOfTheirOwn(t *testing.T) {
	t.Parallel()
	names := sql.Names{OwnerRole: "tenant_owner", RuntimeRole: "tenant_runtime"} // new to the cluster: all create them
	const databases = 4
	errs := make(chan error, databases)
	for range databases {
		m, _ := migrator(t, pgtest.Clinic(t), sql.Config{Names: names})
		go func() {
			_, err := m.Up(context.Background())
			errs <- err
		}()
	}
	for range databases {
		if err := <-errs; err != nil {
			t.Errorf("up: %v", err)
		}
	}
}

func TestDownTakesBackOneVersionAtATimeUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	m, _ := migrator(t, db, sql.Config{Names: sql.Names{OwnerRole: "step_owner", RuntimeRole: "step_runtime"}})
	before := dump(t, db)
	up(t, m)
	for _, want := range slices.Backward(allMigrations) {
		equal(t, "one down", down(t, m, false), []string{want})
	}
	if got := dump(t, db); got != before {
		t.Errorf("the last down left something behind:\n%s", difference(before, got))
	}
	equal(t, "down of nothing", down(t, m, false), nil)
}

func TestDownAllLeavesNothingAndUpInstallsAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	before := dump(t, db)
	with, _ := migrator(t, db, sql.Config{Names: sql.Names{OwnerRole: "alone_owner", RuntimeRole: "alone_runtime"}})
	up(t, with)
	installed := dump(t, db)

	without, _ := migrator(t, db, sql.Config{}) // the names are remembered in the database
	back := slices.Clone(allMigrations)
	slices.Reverse(back)
	equal(t, "down --all", down(t, without, true), back)
	if got := dump(t, db); got != before {
		t.Errorf("down --all left something behind:\n%s", difference(before, got))
	}
	if got := pgtest.Get[int](db, `SELECT count(*) FROM pg_roles WHERE rolname LIKE 'alone\_%'`); got != 0 {
		t.Errorf("%d of the two roles are left, though nobody uses them", got)
	}

	equal(t, "up again", up(t, with), allMigrations)
	if got := dump(t, db); got != installed {
		t.Errorf("the second installation differs from the first:\n%s", difference(installed, got))
	}
}

func TestDownLeavesRolesThatAnotherDatabaseUsesAndSaysSo(t *testing.T) {
	t.Parallel()
	names := sql.Names{OwnerRole: "shared_owner", RuntimeRole: "shared_runtime"}
	one, _ := migrator(t, pgtest.Clinic(t), sql.Config{Names: names})
	other := pgtest.Clinic(t)
	two, log := migrator(t, other, sql.Config{Names: names})
	up(t, one)
	up(t, two)
	down(t, two, true)
	if got := pgtest.Get[int](other, `SELECT count(*) FROM pg_roles WHERE rolname LIKE 'shared\_%'`); got != 2 {
		t.Errorf("%d roles are left, want both: the other database needs them", got)
	}
	for _, role := range []string{"shared_owner", "shared_runtime"} {
		if !strings.Contains(log.String(), "role "+role+" stays") {
			t.Errorf("nothing was said about %s; the log: %s", role, log)
		}
	}
	status, err := one.Status(context.Background())
	if err != nil || !status.Complete() {
		t.Errorf("the other database: %+v, %v; want it complete", status, err)
	}
}

func TestDownTakesBackWhatAFailedUpLeft(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	before := dump(t, db)
	names := sql.Names{Columns: map[string]string{"appointments.end": "endsAt"}}
	m, _ := migrator(t, db, sql.Config{Names: names})
	if _, err := m.Up(context.Background()); err == nil || !strings.Contains(err.Error(), "00004_appointment_dto.sql") ||
		!strings.Contains(err.Error(), "endsAt") {
		t.Fatalf("up with a column that does not exist: %v, want the migration and the column named", err)
	}
	down(t, m, true)
	if got := dump(t, db); got != before {
		t.Errorf("down --all left something behind:\n%s", difference(before, got))
	}
}

func TestOtherNamesThanThoseInTheDatabaseAreRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.Migrated(t)
	m, _ := migrator(t, db, sql.Config{Names: sql.Names{
		Tables: map[string]string{"doctors": "medicos"}, RuntimeRole: "somebody",
	}})
	_, err := m.Up(context.Background())
	for _, want := range []string{`--table doctors is "doctors"`, `--runtime-role is "notifier_runtime"`, "down --all"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("up with other names: %v, want it to say %s", err, want)
		}
	}
	if _, downErr := m.Down(context.Background(), true); downErr == nil {
		t.Error("down with other names went through, want it refused")
	}
	same, _ := migrator(t, db, sql.Config{Names: sql.DefaultNames()})
	equal(t, "up with all names given, the same", up(t, same), nil)
}

func TestStatusTellsWhatIsAppliedAndWhetherTheTriggersFire(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	m, _ := migrator(t, db, sql.Config{})
	status := func() sql.Status {
		s, err := m.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := status(); len(s.Migrations) != len(allMigrations) || !s.Migrations[0].AppliedAt.IsZero() || s.Complete() {
		t.Errorf("before: %+v, want every migration listed and none applied", s)
	}
	up(t, m)
	if s := status(); !s.Complete() || !s.Bell || s.Triggers[0].Table != "appointments" {
		t.Errorf("after up: %+v, want it complete, with the bell", s)
	}
	db.Exec(pgtest.Owner, `ALTER TABLE appointments DISABLE TRIGGER notifier_capture_update`)
	if s := status(); s.Complete() || s.Triggers[1].State != "disabled" || s.Triggers[0].State != "enabled" {
		t.Errorf("with a disabled trigger: %+v", s)
	}
	db.Exec(pgtest.Owner, `ALTER TABLE appointments ENABLE REPLICA TRIGGER notifier_capture_update`)
	if s := status(); s.Complete() || s.Triggers[1].State != "replica" {
		t.Errorf("with a trigger for replication only: %+v", s)
	}
	db.Exec(pgtest.Owner, `ALTER TABLE appointments ENABLE ALWAYS TRIGGER notifier_capture_update`)
	if s := status(); !s.Complete() || s.Triggers[1].State != "always" {
		t.Errorf("with a trigger that fires always: %+v", s)
	}
	for range len(allMigrations) - 6 {
		down(t, m, false)
	}
	if s := status(); s.Complete() || len(s.Triggers) != 0 || !s.Migrations[6].AppliedAt.IsZero() || s.Migrations[5].AppliedAt.IsZero() {
		t.Errorf("after these downs: %+v, want the migrations from the seventh on and the triggers gone", s)
	}
}

func TestTheBellIsASettingThatLaterUpsLeaveAlone(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	off, on := false, true
	for _, step := range []struct {
		name string
		bell *bool
		want bool
	}{
		{"a new database without the setting", nil, true},
		{"switched off", &off, false},
		{"up without the setting", nil, false},
		{"switched on", &on, true},
	} {
		m, _ := migrator(t, db, sql.Config{Bell: step.bell})
		up(t, m)
		status, err := m.Status(context.Background())
		if err != nil || status.Bell != step.want {
			t.Errorf("%s: bell is %v (%v), want %v", step.name, status.Bell, err, step.want)
		}
	}
}

func TestUpWarnsOfWhatWouldMakeItSlowOrSilent(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	db.Exec(pgtest.Owner, `
		DROP INDEX "appointments_doctorId_statusId_idx";
		ALTER TABLE patients ENABLE ROW LEVEL SECURITY;
		DELETE FROM appointment_status WHERE code = 'EM_ATENDIMENTO'`)
	m, log := migrator(t, db, sql.Config{})
	up(t, m)
	for _, want := range []string{
		`no index of table appointments begins with column \"doctorId\"`,
		"table patients has row level security", "no status EM_ATENDIMENTO",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no warning %q; the log: %s", want, log)
		}
	}
	if got := strings.Count(log.String(), "database_warning"); got != 3 {
		t.Errorf("%d warnings, want 3: %s", got, log)
	}
}
