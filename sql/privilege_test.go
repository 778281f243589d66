package sql_test

import (
	"context"
	"testing"

	"notifier/sql"
	"notifier/sql/pgtest"
)

const insufficientPrivilege = "42501"

func TestTheRuntimeRoleCanDoItsJob(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.finish(1)
	for _, statement := range []string{
		`SELECT * FROM notifier.pump(100)`,
		`SELECT * FROM notifier.release(100, 0)`,
		`SELECT notifier.prune('1 day', 100)`,
		`SELECT * FROM notifier.event`,
		`SELECT * FROM notifier.head`,
		`SELECT * FROM notifier.epoch`,
		`SELECT * FROM notifier.effect`,
		`SELECT * FROM notifier.staging`,
		`SELECT * FROM notifier.route`,
		`SELECT * FROM notifier.setting`,
		`SELECT notifier.enlist('o', '127.0.0.1:1', '', 'v')`, // as the previous release does
		`SELECT notifier.discharge('o')`,
		`SELECT notifier.enlist('d', '127.0.0.1:1', '', 'v', '{appointment,doctor,test}')`,
		`SELECT * FROM notifier.unable('test')`,
		`SELECT notifier.send_test('1', 'm')`,
		`SELECT * FROM notifier.doctor_dto`,
		`SELECT * FROM notifier.daemon`,
		`SELECT notifier.discharge('d')`,
		`SELECT * FROM notifier.statuses()`,
		`SELECT * FROM notifier.migration`,
		`SELECT * FROM notifier.appointment_dto`,
		`LISTEN notifier_bell`,
		`SELECT pg_is_in_recovery(), count(*) FROM pg_listening_channels()`,
	} {
		execute(t, c.runtime, statement)
	}
	if c.busy(1) {
		t.Error("the doctor is still busy after the release")
	}
}

func TestTheRuntimeRoleCanDoNothingElse(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.finish(1)
	c.pump()
	for _, statement := range []string{
		// The clinic's data.
		`SELECT FROM appointments`, `SELECT FROM doctors`, `SELECT FROM patients`, `SELECT FROM contacts`,
		`SELECT FROM accounts`, `SELECT FROM appointment_status`, `SELECT FROM procedures`, `SELECT FROM appointment_procedures`,
		`UPDATE appointments SET "statusId" = 1`, `INSERT INTO appointments DEFAULT VALUES`, `DELETE FROM appointments`,
		`UPDATE doctors SET "isBusy" = false`, `DELETE FROM doctors`,
		`DO 'BEGIN LOCK TABLE appointments IN ACCESS SHARE MODE; END'`,
		`ALTER TABLE appointments DISABLE TRIGGER notifier_capture_update`,
		`DROP TRIGGER notifier_capture_update ON appointments`,
		`CREATE TRIGGER mine AFTER UPDATE ON appointments FOR EACH ROW EXECUTE FUNCTION notifier.capture()`,
		// Our own tables, behind the functions' backs.
		`INSERT INTO notifier.staging (id) OVERRIDING SYSTEM VALUE VALUES (1)`, `DELETE FROM notifier.staging`,
		`INSERT INTO notifier.event (seq) VALUES (99)`, `UPDATE notifier.event SET account_id = 2`, `DELETE FROM notifier.event`,
		`UPDATE notifier.head SET seq = 0`, `UPDATE notifier.effect SET outcome = 'gone'`, `TRUNCATE notifier.event`,
		`INSERT INTO notifier.route VALUES ('CHECKIN', 'x', false)`, `UPDATE notifier.setting SET bell = false`,
		`DELETE FROM notifier.daemon`, `UPDATE notifier.daemon SET certificate = ''`, `INSERT INTO notifier.daemon VALUES ('d', '', '', '')`,
		`DELETE FROM notifier.migration`, `INSERT INTO notifier.epoch VALUES (9, 9, '')`,
		`SELECT FROM notifier.head FOR UPDATE`, `SELECT nextval('notifier.staging_id_seq')`,
		// Functions that only ours call.
		`SELECT notifier.server()`, `SELECT notifier.postpone('{1}', 'x')`, `SELECT notifier.may_release(1)`,
		`SELECT notifier.ring('{}')`, `SELECT notifier.capture()`,
		`INSERT INTO notifier.test (account_id, marker) VALUES (1, 'm')`, `SELECT FROM notifier.test`,
		`SELECT notifier.capture_test()`, `SELECT notifier.capture_doctor()`,
		`SELECT notifier.reconcile(now())`, `SELECT notifier.unreported(now())`, `SELECT notifier.stage('{}', 0)`,
		// Objects and roles.
		`CREATE TABLE public.mine ()`, `CREATE TABLE notifier.mine ()`, `CREATE SCHEMA mine`,
		`CREATE FUNCTION notifier.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
		`CREATE OR REPLACE FUNCTION notifier.may_release(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'`,
		`SET ROLE notifier_owner`, `SET ROLE clinic`, `CREATE ROLE mine`, `GRANT notifier_owner TO notifier_runtime`,
		`ALTER ROLE notifier_owner LOGIN`, `CREATE EXTENSION pageinspect`, `COPY (SELECT 1) TO '/tmp/x'`,
	} {
		_, err := c.runtime.Exec(context.Background(), statement)
		if err == nil {
			t.Errorf("allowed: %s", statement)
			continue
		}
		t.Run(statement, func(t *testing.T) { wantState(t, err, insufficientPrivilege) })
	}
}

func TestNobodyLogsInAsTheOwnerRole(t *testing.T) {
	t.Parallel()
	db := pgtest.Migrated(t)
	got := pgtest.Get[string](db, `SELECT string_agg(concat_ws(' ', rolname,
		CASE WHEN rolcanlogin THEN 'login' END, CASE WHEN rolsuper THEN 'super' END, CASE WHEN rolcreaterole THEN 'createrole' END,
		CASE WHEN rolcreatedb THEN 'createdb' END, CASE WHEN rolbypassrls THEN 'bypassrls' END,
		CASE WHEN rolreplication THEN 'replication' END), ', ' ORDER BY rolname)
		FROM pg_roles WHERE rolname IN ('notifier_owner', 'notifier_runtime')`)
	if want := "notifier_owner, notifier_runtime login"; got != want {
		t.Errorf("roles: %s, want %s", got, want)
	}
}

func TestTheOwnerRoleMayReadTheNamedTablesAndWriteOneColumn(t *testing.T) {
	t.Parallel()
	db := pgtest.Migrated(t)
	got := pgtest.Get[string](db, `SELECT string_agg(DISTINCT privilege || ' ' || relation, ', ' ORDER BY privilege || ' ' || relation) FROM (
			SELECT privilege_type AS privilege, table_name::text AS relation FROM information_schema.role_table_grants
			WHERE grantee = 'notifier_owner' AND table_schema = 'public'
			UNION ALL
			SELECT privilege_type, table_name || '.' || column_name FROM information_schema.role_column_grants
			WHERE grantee = 'notifier_owner' AND table_schema = 'public' AND privilege_type <> 'SELECT') AS g`)
	want := "SELECT appointment_procedures, SELECT appointment_status, SELECT appointments, SELECT contacts, " +
		"SELECT doctors, SELECT patients, SELECT procedures, UPDATE doctors.isBusy"
	if got != want {
		t.Errorf("the owner role may\n%s, want\n%s", got, want)
	}
}

func TestFunctionsThatRunAsTheirOwnerFixTheirSearchPathAndAreNotForEverybody(t *testing.T) {
	t.Parallel()
	db := pgtest.Migrated(t)
	got := pgtest.Get[string](db, `SELECT coalesce(string_agg(p.oid::regprocedure::text, ', '), '') FROM pg_proc AS p
		WHERE p.pronamespace = 'notifier'::regnamespace
		  AND (p.proowner <> 'notifier_owner'::regrole OR NOT 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig)
		       OR p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0))`)
	if got != "" {
		t.Errorf("owned by another role, with the caller's search_path, or for PUBLIC: %s", got)
	}
}

func TestApplicationRolesNeedNoRightOnTheSchemaOfNotifier(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, checkin)
	c.Exec(pgtest.Superuser, `DROP ROLE IF EXISTS clinic_nurse; CREATE ROLE clinic_nurse LOGIN;
		GRANT UPDATE ON appointments TO clinic_nurse; GRANT SELECT (id) ON appointments TO clinic_nurse`)
	t.Cleanup(func() {
		c.Exec(pgtest.Superuser, `REVOKE ALL ON appointments FROM clinic_nurse; REVOKE SELECT (id) ON appointments FROM clinic_nurse;
			DROP ROLE clinic_nurse`)
	})
	_, err := c.app.Exec(context.Background(), `SELECT FROM notifier.staging`)
	wantState(t, err, insufficientPrivilege)

	nurse := c.Connect("clinic_nurse")
	execute(t, nurse, `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, id)
	equal(t, "staged by a role that may only update", c.staged(), []int{id})
}

func TestAMigratorWithoutCreateroleUsesRolesThatTheDBAMade(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	db.Exec(pgtest.Superuser, `CREATE ROLE plain LOGIN; CREATE ROLE made_owner NOLOGIN; CREATE ROLE made_runtime LOGIN;
		GRANT made_owner TO plain; ALTER DATABASE `+db.Name+` OWNER TO plain`)
	t.Cleanup(func() {
		db.Exec(pgtest.Superuser, `REASSIGN OWNED BY plain TO clinic; DROP OWNED BY plain; DROP ROLE plain`)
	})
	db.Exec("plain", sql.Clinic)
	m, log := migrator(t, db, sql.Config{
		URL: db.URL("plain"), Names: sql.Names{OwnerRole: "made_owner", RuntimeRole: "made_runtime"},
	})
	up(t, m)
	if want := "default_transaction_isolation"; !contains(log, want) {
		t.Errorf("nothing was said about what only a DBA can set; the log: %s", log)
	}
	db.Exec("made_runtime", `SELECT * FROM notifier.pump(1)`)

	down(t, m, true)
	for _, want := range []string{"role made_owner stays", "role made_runtime stays"} {
		if !contains(log, want) {
			t.Errorf("the log does not say %q: %s", want, log)
		}
	}
	db.Exec(pgtest.Superuser, `DROP ROLE made_owner; DROP ROLE made_runtime`) // nothing of them is left in the database
}
