package notifier

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"notifier/sql/pgtest"
)

// large fills the clinic and the log so that the planner has something to avoid.
func (c *clinic) large(t *testing.T) {
	t.Helper()
	c.super(`
		SET session_replication_role = replica;
		INSERT INTO doctors (id, "accountId", name) SELECT n, 1, 'd' FROM generate_series(100, 5099) AS n;
		INSERT INTO patients (id, "accountId", name) SELECT n, 1, 'p' FROM generate_series(100, 20099) AS n;
		INSERT INTO contacts ("patientId", phone) SELECT n, '1' FROM generate_series(100, 20099) AS n;
		INSERT INTO procedures (id, name, price) SELECT n, 'x', 1 FROM generate_series(1, 5000) AS n;
		INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT '2025-01-23', '09:00', '09:15', 1 + n % 3, 100 + n % 5000, 100 + n, 1 + n % 6 FROM generate_series(0, 19999) AS n;
		INSERT INTO appointment_procedures ("appointmentId", "procedureId") SELECT id, 1 + id % 5000 FROM appointments;
		INSERT INTO notifier.event (seq, epoch, appointment_id, account_id, doctor_id, status, event, changed_at)
		SELECT n, 1, n, 1 + n % 200, 1, 'FINALIZADO', 'appointmnents.finished', now() FROM generate_series(1, 100000) AS n;
		UPDATE notifier.head SET seq = 100000;
		ANALYZE`)
}

// scans finds each access to a table in a plan, with the line after it, where an index's condition stands.
var scans = regexp.MustCompile(`(?m)^.*Scan.* on (\w+).*\n?(.*)$`)

// The exact statements of the hot path, as the daemon runs them, look rows up in every table that grows. A scan
// through all of an index is no better than one through all of its table.
func TestStatementsUseIndexes(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.large(t)
	conn := c.db.Connect(pgtest.Runtime)
	if _, err := prepareSession(context.Background(), conn); err != nil {
		t.Fatal(err)
	}
	grow := []string{"appointments", "patients", "contacts", "appointment_procedures", "procedures", "doctors", "event", "effect"}
	statements := map[string]struct{ settings, text, args string }{
		"load one":  {loadSettingsSQL, loadSQL, `'{"17"}'`},
		"doctors":   {loadSettingsSQL, loadDoctorSQL, `'{` + strings.Repeat("117,", 99) + `118}'`},
		"load 1000": {loadSettingsSQL, loadSQL, `'{` + strings.Repeat("17,", 999) + `18}'`},
		"doctor":    {loadSettingsSQL, loadDoctorSQL, `'{"17"}'`},
		"read":      {forAny, readSQL, `99000, 1000`},
		"probe":     {forAny, probeSQL, ``},
		"survived":  {forAny, survivedSQL, `1, 99000`},

		"replay one":  {replaySettingsSQL, replaySQL, `'{17}', '{100}', '{100000}', 200`},
		"replay many": {replaySettingsSQL, replaySQL, repeated(500, "17", "100", "100000") + `, 200`},
		"known one":   {replaySettingsSQL, knownSQL, `'{1}', '{99000}'`},
		"known many":  {replaySettingsSQL, knownSQL, repeated(500, "1", "99000")},
		"floor one":   {replaySettingsSQL, floorSQL, `'{17}', '{100}', '{100000}', 10000`},
		"floor many":  {replaySettingsSQL, floorSQL, repeated(500, "17", "100", "100000") + `, 10000`},
	}
	for name, statement := range statements {
		plan := explain(t, conn, statement.settings, statement.text, statement.args)
		for _, scan := range scans.FindAllStringSubmatch(plan, -1) {
			if slices.Contains(grow, scan[1]) && !strings.Contains(scan[2], "Index Cond") {
				t.Errorf("%s reads all of %s:\n%s", name, scan[1], plan)
			}
		}
		byAccount := strings.HasPrefix(name, "replay") || strings.HasPrefix(name, "floor")
		if byAccount && !regexp.MustCompile(`using event_account_seq .*\n *Index Cond: \(\(account_hash = .* \(seq > .* \(seq <= `).MatchString(plan) {
			t.Errorf("%s reads other accounts' events:\n%s", name, plan)
		}
	}
}

// forAny stands for what PostgreSQL may come to after some executions: one plan for any parameters.
const forAny = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true)`

// repeated are parameters that are arrays, each of count equal values.
func repeated(count int, values ...string) string {
	arrays := make([]string, len(values))
	for i, value := range values {
		arrays[i] = `'{` + strings.Repeat(value+",", count-1) + value + `}'`
	}
	return strings.Join(arrays, ", ")
}

// explain plans a statement under its settings.
func explain(t *testing.T, conn *pgx.Conn, settings, statement, args string) string {
	t.Helper()
	ctx := context.Background()
	execute := "EXPLAIN EXECUTE explained"
	if args != "" {
		execute += "(" + args + ")"
	}
	var plan []string
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, settings); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "PREPARE explained AS "+statement); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, execute, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		if plan, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DEALLOCATE explained")
		return err
	})
	if err != nil {
		t.Fatal(fmt.Errorf("explain %.60s: %w", statement, err))
	}
	return strings.Join(plan, "\n")
}
