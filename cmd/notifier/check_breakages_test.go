package main

import "notifier/sql/inspect"

// breakage is one thing that is wrong with a database, and how to take it back.
type breakage struct {
	name, breaks, code string
	status             inspect.Status
	mends              string
	says               []string
}

// byAdvice: what check advises are statements that mend it.
const byAdvice = ""

// asInstalled takes remade back.
const asInstalled = `DROP VIEW notifier.appointment_dto; ALTER VIEW notifier.original RENAME TO appointment_dto`

const doctorsTrigger = `CREATE TRIGGER notifier_capture_doctor AFTER UPDATE ON doctors FOR EACH ROW
	WHEN (OLD."isBusy" IS DISTINCT FROM NEW."isBusy") EXECUTE FUNCTION notifier.capture_doctor('doctors.busy');`

const staged = `INSERT INTO notifier.staging (appointment_id, account_id, doctor_id, status, event, releases_doctor, changed_at)
	VALUES (1, 1, 1, 'FINALIZADO', 'x', true, now() - interval '20 seconds');`

var breakages = []breakage{
	{
		"a trigger is disabled", `ALTER TABLE appointments DISABLE TRIGGER notifier_capture_update`,
		"triggers", inspect.Problem, byAdvice,
		[]string{"disabled", "ALTER TABLE appointments ENABLE TRIGGER notifier_capture_update;", "notifier reconcile"},
	},
	{
		"a trigger fires in replication only", `ALTER TABLE appointments ENABLE REPLICA TRIGGER notifier_capture_insert`,
		"triggers", inspect.Problem, byAdvice,
		[]string{"ENABLE REPLICA", "ENABLE TRIGGER notifier_capture_insert;"},
	},
	{
		"a trigger was dropped", `DROP TRIGGER notifier_capture_update ON appointments`,
		"triggers", inspect.Problem, byAdvice,
		[]string{"not there", `CREATE TRIGGER notifier_capture_update AFTER UPDATE ON appointments FOR EACH ROW ` +
			`WHEN (OLD."statusId" IS DISTINCT FROM NEW."statusId") EXECUTE FUNCTION notifier.capture();`},
	},
	{
		"a trigger is on another table, too", `CREATE TRIGGER lost AFTER INSERT ON doctors FOR EACH ROW EXECUTE FUNCTION notifier.capture()`,
		"triggers", inspect.Problem, byAdvice,
		[]string{"DROP TRIGGER lost ON doctors;"},
	},
	{
		"a trigger fires for one column only", `DROP TRIGGER notifier_capture_update ON appointments; CREATE TRIGGER notifier_capture_update
		AFTER UPDATE OF "statusId" ON appointments FOR EACH ROW EXECUTE FUNCTION notifier.capture()`,
		"triggers", inspect.Problem, `DROP TRIGGER notifier_capture_update ON appointments; CREATE TRIGGER notifier_capture_update AFTER UPDATE ON appointments
			FOR EACH ROW WHEN (OLD."statusId" IS DISTINCT FROM NEW."statusId") EXECUTE FUNCTION notifier.capture()`,
		[]string{"named columns only"},
	},
	{
		"a trigger fires for nothing", `DROP TRIGGER notifier_capture_update ON appointments; CREATE TRIGGER notifier_capture_update
		AFTER UPDATE ON appointments FOR EACH ROW WHEN (false) EXECUTE FUNCTION notifier.capture()`,
		"triggers", inspect.Problem, `DROP TRIGGER notifier_capture_update ON appointments; CREATE TRIGGER notifier_capture_update AFTER UPDATE ON appointments
			FOR EACH ROW WHEN (OLD."statusId" IS DISTINCT FROM NEW."statusId") EXECUTE FUNCTION notifier.capture()`,
		[]string{"for some changes only: WHEN false"},
	},
	{
		"somebody's trigger is on the log", `CREATE TRIGGER audit BEFORE INSERT ON notifier.event FOR EACH ROW
		EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
		"triggers", inspect.Warning, `DROP TRIGGER audit ON notifier.event`,
		[]string{"audit ON notifier.event", "DROP TRIGGER audit ON notifier.event;"},
	},
	{
		"a table inherits without a trigger", `CREATE TABLE archive () INHERITS (appointments)`,
		"triggers", inspect.Warning, `DROP TABLE archive`,
		[]string{"archive"},
	},
	{
		"no session of the database fires triggers", `ALTER DATABASE THIS SET session_replication_role = replica`,
		"triggers", inspect.Problem, byAdvice,
		[]string{"RESET session_replication_role"},
	},
	{
		"the doctors' trigger is disabled", doctorsTrigger + `ALTER TABLE doctors DISABLE TRIGGER notifier_capture_doctor`,
		"doctors_trigger", inspect.Problem, `DROP TRIGGER notifier_capture_doctor ON doctors`,
		[]string{"disabled", "ALTER TABLE doctors ENABLE TRIGGER notifier_capture_doctor;"},
	},
	{
		"a trigger of the doctors is of another kind", `CREATE TRIGGER mine AFTER INSERT ON doctors FOR EACH ROW EXECUTE FUNCTION notifier.capture_doctor()`,
		"doctors_trigger", inspect.Problem, byAdvice,
		[]string{"DROP TRIGGER mine ON doctors;"},
	},
	{
		"the doctors' event has a name of the protocol's", `CREATE TRIGGER mine AFTER UPDATE ON doctors FOR EACH ROW
		WHEN (OLD."isBusy" IS DISTINCT FROM NEW."isBusy") EXECUTE FUNCTION notifier.capture_doctor('connect')`,
		"doctors_trigger", inspect.Problem, `DROP TRIGGER mine ON doctors`,
		[]string{"whose name screens cannot be sent", "notifier routes add --doctors"},
	},
	{
		"a daemon of an earlier release is beside the doctors' trigger",
		doctorsTrigger + `SELECT notifier.enlist('old', '127.0.0.1:1', '', '0.1.0')`,
		"doctors_trigger", inspect.Problem, `DROP TRIGGER notifier_capture_doctor ON doctors; SELECT notifier.discharge('old')`,
		[]string{"old at 127.0.0.1:1, version 0.1.0", "upgrade that daemon"},
	},
	{
		"a function's owner changed", `ALTER FUNCTION notifier.pump(integer) OWNER TO clinic`,
		"functions", inspect.Problem, byAdvice,
		[]string{"role clinic", `ALTER FUNCTION notifier.pump(integer) OWNER TO "notifier_owner";`},
	},
	{
		"a function's search_path was reset", `ALTER FUNCTION notifier.capture() RESET search_path`,
		"functions", inspect.Problem, byAdvice,
		[]string{"ALTER FUNCTION notifier.capture() SET search_path = pg_catalog, pg_temp;"},
	},
	{
		"a function runs with its caller's rights", `ALTER FUNCTION notifier.capture() SECURITY INVOKER`,
		"functions", inspect.Problem, byAdvice,
		[]string{"capture() SECURITY DEFINER;"},
	},
	{
		"the rule sees the past", `ALTER FUNCTION notifier.may_release STABLE`,
		"functions", inspect.Problem, byAdvice,
		[]string{"VOLATILE"},
	},
	{
		"everybody may pump", `GRANT EXECUTE ON FUNCTION notifier.pump(integer) TO PUBLIC`,
		"functions", inspect.Warning, byAdvice,
		[]string{"FROM PUBLIC;"},
	},
	{
		"the log belongs to somebody else", `ALTER TABLE notifier.event OWNER TO clinic; GRANT SELECT ON notifier.event TO notifier_runtime`,
		"functions", inspect.Problem, byAdvice,
		[]string{`ALTER TABLE notifier.event OWNER TO "notifier_owner";`},
	},
	{
		"the role may not call a function", `REVOKE EXECUTE ON FUNCTION notifier.release(integer, bigint) FROM notifier_runtime`,
		"privileges", inspect.Problem, byAdvice,
		[]string{`GRANT EXECUTE ON FUNCTION notifier.release(integer, bigint) TO "notifier_runtime";`},
	},
	{
		"the role may not read the settings", `REVOKE SELECT ON notifier.setting FROM notifier_runtime`,
		"privileges", inspect.Problem, byAdvice,
		[]string{`GRANT SELECT ON notifier.setting TO "notifier_runtime";`},
	},
	{
		"the role may not use the schema", `REVOKE USAGE ON SCHEMA notifier FROM notifier_runtime`,
		"privileges", inspect.Problem, byAdvice,
		[]string{"GRANT USAGE ON SCHEMA notifier"},
	},
	{
		"the role may write the clinic's tables", `GRANT UPDATE ON patients TO notifier_runtime`,
		"role", inspect.Warning, byAdvice,
		[]string{"patients", "REVOKE"},
	},
	{
		"a status is gone", `DELETE FROM appointment_status WHERE code = 'CANCELADO'`,
		"statuses", inspect.Problem, `INSERT INTO appointment_status VALUES (6, 'CANCELADO', 'Cancelado', '#dc3545')`,
		[]string{"CANCELADO", "UPDATE notifier.route"},
	},
	{
		"a status was renamed", `ALTER TYPE "AppointmentStatusEnum" RENAME VALUE 'EM_ATENDIMENTO' TO 'ATENDENDO'`,
		"statuses", inspect.Problem, `ALTER TYPE "AppointmentStatusEnum" RENAME VALUE 'ATENDENDO' TO 'EM_ATENDIMENTO'`,
		[]string{"too early", "may_release"},
	},
	{
		"a route leads nowhere", `INSERT INTO notifier.route VALUES ('INVENTADO', 'x', false)`,
		"statuses", inspect.Problem, `DELETE FROM notifier.route WHERE status = 'INVENTADO'`,
		[]string{"INVENTADO"},
	},
	{
		"a status has no route", `DELETE FROM notifier.route WHERE status = 'FINALIZADO'`,
		"statuses", inspect.Warning, byAdvice,
		[]string{"'appointmnents.finished', true"},
	},
	{
		"there are no routes", `DELETE FROM notifier.route`,
		"statuses", inspect.Problem, byAdvice,
		[]string{"nothing is captured"},
	},
	{
		"a column of the view has another name", `ALTER VIEW notifier.appointment_dto RENAME COLUMN notes TO remarks`,
		"view", inspect.Problem, `ALTER VIEW notifier.appointment_dto RENAME COLUMN remarks TO notes`,
		[]string{"no column notes"},
	},
	{
		"a column of the view has another type", remade(`('has_contact', 'o.has_contact::text')`),
		"view", inspect.Problem, asInstalled,
		[]string{"has_contact", "boolean"},
	},
	{
		"the view's id is cast", remade(`('id', 'o.id::bigint')`),
		"view", inspect.Problem, asInstalled,
		[]string{"bigint", "integer"},
	},
	{
		"the view's id is an expression", remade(`('id', 'o.id + 0')`),
		"view_plan", inspect.Warning, asInstalled,
		[]string{"appointments"},
	},
	{
		"the view raises", remade(`('notes', '(1 / (o.id - o.id))::text')`),
		"view_row", inspect.Problem, asInstalled,
		[]string{"22012"},
	},
	{
		"the view's procedures are none", remade(`('procedures', '''{"a": 1}''::json')`),
		"view_row", inspect.Problem, asInstalled,
		[]string{"procedures"},
	},
	{
		"an index is gone", `DROP INDEX "appointments_doctorId_statusId_idx"`,
		"indexes", inspect.Warning, byAdvice,
		[]string{`CREATE INDEX CONCURRENTLY ON appointments ("doctorId");`},
	},
	{
		"an index is not valid", `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'notifier.event_account_seq'::regclass`,
		"indexes", inspect.Warning, `UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'notifier.event_account_seq'::regclass`,
		[]string{"REINDEX INDEX CONCURRENTLY notifier.event_account_seq;"},
	},
	{
		"a column was renamed", `ALTER TABLE doctors RENAME "isBusy" TO busy`,
		"clinic_tables", inspect.Problem, `ALTER TABLE doctors RENAME busy TO "isBusy"`,
		[]string{`"isBusy" of doctors`},
	},
	{
		"a table was renamed", `ALTER TABLE contacts RENAME TO phones`,
		"clinic_tables", inspect.Problem, `ALTER TABLE phones RENAME TO contacts`,
		[]string{"contacts"},
	},
	{
		"the owner role may not read", `REVOKE SELECT ON appointment_status FROM notifier_owner`,
		"owner_role", inspect.Problem, byAdvice,
		[]string{`GRANT SELECT ON appointment_status TO "notifier_owner";`},
	},
	{
		"row level security hides the doctors", `ALTER TABLE doctors ENABLE ROW LEVEL SECURITY`,
		"owner_role", inspect.Problem, byAdvice,
		[]string{"CREATE POLICY notifier ON doctors"},
	},
	{
		"statements are cut", `ALTER DATABASE THIS SET statement_timeout = '1s'`,
		"role_settings", inspect.Warning, `ALTER DATABASE THIS RESET statement_timeout`,
		[]string{"statement_timeout is 1s"},
	},
	{
		"nothing may be written", `ALTER DATABASE THIS SET default_transaction_read_only = on`,
		"recovery", inspect.Problem, `ALTER DATABASE THIS RESET default_transaction_read_only`,
		[]string{"default_transaction_read_only"},
	},
	{
		"commits do not wait", `ALTER DATABASE THIS SET synchronous_commit = off`,
		"durability", inspect.Warning, `ALTER DATABASE THIS RESET synchronous_commit`,
		[]string{"synchronous_commit"},
	},
	{
		"too few connections", `ALTER DATABASE THIS CONNECTION LIMIT 4`,
		"connections", inspect.Warning, byAdvice,
		[]string{"CONNECTION LIMIT -1"},
	},
	{
		"changes wait and no daemon runs", staged,
		"backlog", inspect.Warning, `DELETE FROM notifier.staging`,
		[]string{"no daemon", "notifier serve"},
	},
	{
		"changes wait although a daemon runs", staged + `SELECT notifier.enlist('d', '127.0.0.1:1', '', 'v')`,
		"backlog", inspect.Problem, `DELETE FROM notifier.staging; DELETE FROM notifier.daemon`,
		[]string{"readyz"},
	},
	{
		"the head is gone", `DELETE FROM notifier.head`,
		"backlog", inspect.Problem, `INSERT INTO notifier.head DEFAULT VALUES`,
		[]string{"instead of one"},
	},
	{
		"a release fails", `INSERT INTO notifier.effect (seq, appointment_id, doctor_id, tries, problem) VALUES (1, 1, 1, 3, '42501')`,
		"releases", inspect.Warning, `DELETE FROM notifier.effect`,
		[]string{"42501"},
	},
	{
		"a migration is pending", `DELETE FROM notifier.migration WHERE version_id = 10`,
		"schema", inspect.Problem, `INSERT INTO notifier.migration (version_id, is_applied) VALUES (10, true)`,
		[]string{"00010_statuses", "notifier migrate up"},
	},
	{
		"the database is newer", `INSERT INTO notifier.migration (version_id, is_applied) VALUES (99, true)`,
		"schema", inspect.Problem, `DELETE FROM notifier.migration WHERE version_id = 99`,
		[]string{"00099"},
	},
	{
		"a function was dropped", `ALTER FUNCTION notifier.prune(interval, integer) RENAME TO away`,
		"schema", inspect.Problem, `ALTER FUNCTION notifier.away(interval, integer) RENAME TO prune`,
		[]string{"notifier.prune(interval, integer) was dropped"},
	},
}

// remade is the view with some of its columns as other expressions.
func remade(expressions string) string {
	return `ALTER VIEW notifier.appointment_dto RENAME TO original;
		GRANT SELECT ON notifier.original TO notifier_owner;
		DO $$ BEGIN EXECUTE (SELECT 'CREATE VIEW notifier.appointment_dto AS SELECT ' || 
				string_agg(coalesce(x.expression, 'o.' || a.attname) || ' AS ' || a.attname, ', ')
			FROM pg_attribute AS a LEFT JOIN (VALUES ` + expressions + `) AS x (name, expression) ON x.name = a.attname
			WHERE a.attrelid = 'notifier.original'::regclass) || ' FROM notifier.original AS o'; END $$;
		ALTER VIEW notifier.appointment_dto OWNER TO notifier_owner; GRANT SELECT ON notifier.appointment_dto TO notifier_runtime`
}
