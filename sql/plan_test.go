package sql_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"notifier/sql/pgtest"
)

// The statements of the hot path, as the clinic and the daemon run them. What the functions run inside is
// seen too: auto_explain tells every plan as it was executed.
const (
	changeSQL  = `UPDATE appointments SET "statusId" = $2 WHERE id = $1`
	pumpSQL    = `SELECT * FROM notifier.pump($1)`
	releaseSQL = `SELECT * FROM notifier.release($1, $2)`
	pruneSQL   = `SELECT notifier.prune('1 day', $1)`
	probeSQL   = `SELECT h.seq, EXISTS (SELECT FROM notifier.staging) FROM notifier.head AS h`
	loadSQL    = `SELECT d.* FROM notifier.appointment_dto AS d WHERE d.id = ANY ($1)`
	readSQL    = `SELECT e.* FROM notifier.event AS e WHERE e.seq > $1 ORDER BY e.seq LIMIT $2`
	replaySQL  = `SELECT e.* FROM notifier.event AS e
		WHERE e.account_hash = hashtextextended($1 COLLATE "C", 0) AND e.account_id::text COLLATE "C" = $1
		AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq LIMIT $4`
)

// large are the tables that must never be read as a whole.
var large = map[string]bool{
	"appointments": true, "doctors": true, "patients": true, "contacts": true, "appointment_procedures": true, "procedures": true,
	"staging": true, "event": true, "effect": true,
}

const largeClinic = `
	SET session_replication_role = replica; -- no triggers: the appointments are older than notifier
	INSERT INTO accounts (name) SELECT 'Conta ' || i FROM generate_series(1, 100) AS i;
	INSERT INTO doctors ("accountId", name, "isBusy") SELECT 1 + i % 100, 'Dr. ' || i, true FROM generate_series(1, 2000) AS i;
	INSERT INTO patients ("accountId", name) SELECT 1 + i % 100, 'Paciente ' || i FROM generate_series(1, 50000) AS i;
	INSERT INTO contacts ("patientId", phone) SELECT i, '(81) 9' || i FROM generate_series(1, 50000) AS i WHERE i % 10 > 0;
	INSERT INTO procedures (name, price) SELECT 'Exame ' || i, i FROM generate_series(1, 1000) AS i;
	INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
	SELECT now() - i * interval '1 minute', '09:00', '09:15', 1 + i % 100, 1 + i % 2000, 1 + i % 50000,
	       CASE WHEN i % 500 = 0 THEN 3 WHEN i % 20 = 0 THEN 2 ELSE 5 + i % 2 END
	FROM generate_series(1, 200000) AS i;
	INSERT INTO appointment_procedures ("appointmentId", "procedureId") SELECT i, 1 + i % 1000 FROM generate_series(1, 200000) AS i;`

// loadedLog fills our tables as after a day: 100,000 events, their effects settled but for 200, and 20,000 changes staged.
const loadedLog = `
	INSERT INTO notifier.event (seq, epoch, appointment_id, account_id, doctor_id, status, event, changed_at, numbered_at)
	SELECT s, 1, s, 1 + s % 100, 1 + s % 2000, 'FINALIZADO', 'appointmnents.finished', now(), now() - interval '2 days' + s * interval '1 second'
	FROM generate_series(1, 100000) AS s;
	INSERT INTO notifier.effect (seq, appointment_id, doctor_id, outcome, asked_at, settled_at)
	SELECT s, s, 1 + s % 2000, CASE WHEN s % 500 > 0 THEN 'released' END, now() - interval '2 days' + s * interval '1 second',
	       CASE WHEN s % 500 > 0 THEN now() - interval '2 days' + s * interval '1 second' END
	FROM generate_series(1, 100000) AS s;
	INSERT INTO notifier.staging (appointment_id, account_id, doctor_id, status, event, releases_doctor)
	SELECT s, 1 + s % 100, 1 + s % 2000, 'FINALIZADO', 'appointmnents.finished', true FROM generate_series(1, 20000) AS s;
	UPDATE notifier.head SET seq = 100000`

func TestNoStatementOfTheHotPathReadsALargeTableAsAWhole(t *testing.T) {
	t.Parallel()
	db := pgtest.Migrated(t)
	db.Exec(pgtest.Superuser, largeClinic)
	db.Exec(pgtest.Superuser, `ANALYZE`) // our tables are empty as yet
	for _, table := range []string{"staging", "event", "effect"} {
		db.Exec(pgtest.Superuser, `ALTER TABLE notifier.`+table+` SET (autovacuum_enabled = off)`) // it would mend the statistics
	}
	explainEverything(t, db)

	t.Run("with plans and statistics of an empty log", func(t *testing.T) {
		s := explainedSessions(t, db)
		s.warmUp()
		db.Exec(pgtest.Superuser, loadedLog)
		s.hotPath(20)
	})
	t.Run("with fresh statistics", func(t *testing.T) {
		db.Exec(pgtest.Superuser, `ANALYZE`)
		explainedSessions(t, db).hotPath(40)
	})
}

// sessions are the clinic's application, and the daemon twice: as its role is set up, for its own statements,
// and with the server's defaults for our functions, which bring their own settings.
type sessions struct{ app, daemon, caller *explaining }

func explainedSessions(t *testing.T, db *pgtest.DB) sessions {
	t.Helper()
	s := sessions{explained(t, db, pgtest.App), explained(t, db, pgtest.Runtime), explained(t, db, pgtest.Runtime)}
	s.caller.run(`SET enable_seqscan = on`)
	s.caller.run(`SET jit = on`)
	return s
}

// warmUp runs everything often enough for the sessions to settle on generic plans.
func (s sessions) warmUp() {
	for i := range 7 {
		s.app.run(changeSQL, 1+i, 2)
		s.caller.run(pumpSQL, 500)
		s.caller.run(releaseSQL, 100, 0)
		s.caller.run(pruneSQL, 500)
		s.daemon.run(probeSQL)
		s.daemon.run(readSQL, 0, 500)
		s.daemon.replay("7", 0, 0, 500)
		s.daemon.load([]int{1})
	}
}

func (s sessions) hotPath(waiting int) {
	s.app.want("a status change", []string{"appointments"}, func() { s.app.run(changeSQL, waiting, finalizado) })
	s.daemon.want("the probe", []string{"staging"}, func() { s.daemon.run(probeSQL) })
	s.caller.want("the pump", []string{"staging", "effect"}, func() { s.caller.run(pumpSQL, 500) })
	s.caller.want("the release with its rule", []string{"effect", "event", "doctors", "appointments"}, func() { s.caller.run(releaseSQL, 100, 100_400) })
	s.caller.want("the release again", []string{"effect"}, func() { s.caller.run(releaseSQL, 100, 100_500) })
	s.daemon.want("the log's end", []string{"event"}, func() { s.daemon.run(readSQL, 100_400, 500) })
	s.daemon.want("an account's replay", []string{"event"}, func() { s.daemon.replay("7", 50_000, 100_500, 10_000) })
	for _, batch := range []int{1, 50, 500} {
		ids := make([]int, batch)
		for i := range ids {
			ids[i] = 1 + i*399
		}
		s.daemon.want(fmt.Sprintf("the data of %d appointments", batch),
			[]string{"appointments", "doctors", "patients", "contacts", "appointment_procedures", "procedures"}, func() { s.daemon.load(ids) })
	}
	s.caller.want("a prune", []string{"event", "effect"}, func() { s.caller.run(pruneSQL, 500) })
	s.caller.want("a prune that finds nothing", []string{"event", "effect"}, func() {
		s.caller.run(`SELECT notifier.prune('100 years', $1)`, 500)
	})
}

// explaining is a connection that is told every plan it executes, those inside functions included.
type explaining struct {
	t     *testing.T
	conn  *pgx.Conn
	plans []explainedPlan
}

type explainedPlan struct {
	Query string `json:"Query Text"`
	Plan  planNode
}

type planNode struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Filtered float64 `json:"Rows Removed by Filter"`
	Index    string  `json:"Index Name"`
	Cond     string  `json:"Index Cond"`
	Plans    []planNode
}

// explainEverything makes later sessions tell their plans, as notices.
func explainEverything(t testing.TB, db *pgtest.DB) {
	t.Helper()
	db.Exec(pgtest.Superuser, fmt.Sprintf(`
		ALTER DATABASE %[1]s SET session_preload_libraries = 'auto_explain';
		ALTER DATABASE %[1]s SET auto_explain.log_min_duration = 0;
		ALTER DATABASE %[1]s SET auto_explain.log_nested_statements = on;
		ALTER DATABASE %[1]s SET auto_explain.log_analyze = on;
		ALTER DATABASE %[1]s SET auto_explain.log_timing = off;
		ALTER DATABASE %[1]s SET auto_explain.log_format = json;
		ALTER DATABASE %[1]s SET auto_explain.log_level = notice`, db.Name))
}

func explained(t *testing.T, db *pgtest.DB, role string) *explaining {
	t.Helper()
	e := &explaining{t: t}
	config, err := pgx.ParseConfig(db.URL(role))
	if err != nil {
		t.Fatal(err)
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { e.note(n.Message) }
	if e.conn, err = pgx.ConnectConfig(context.Background(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.conn.Close(context.Background()) })
	return e
}

func (e *explaining) note(message string) {
	_, text, ok := strings.Cut(message, "plan:\n")
	if !ok {
		return
	}
	var plan explainedPlan
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		e.t.Errorf("read plan: %v: %.200s", err, text)
	}
	e.plans = append(e.plans, plan)
}

func (e *explaining) run(statement string, args ...any) {
	e.t.Helper()
	rows, err := e.conn.Query(context.Background(), statement, args...)
	if err == nil {
		rows.Close()
		err = rows.Err()
	}
	if err != nil {
		e.t.Fatalf("%.100s: %v", statement, err)
	}
}

// load reads the data of appointments as the daemon does: with one plan for batches of any size.
func (e *explaining) load(ids []int) {
	e.t.Helper()
	e.run(`BEGIN`)
	e.run(`SELECT set_config('plan_cache_mode', 'force_generic_plan', true)`)
	e.run(loadSQL, ids)
	e.run(`COMMIT`)
}

// replay reads the events of an account as the daemon does: planned for the range at hand.
func (e *explaining) replay(args ...any) {
	e.t.Helper()
	e.run(`BEGIN`)
	e.run(`SELECT set_config('plan_cache_mode', 'force_custom_plan', true)`)
	e.run(replaySQL, args...)
	e.run(`COMMIT`)
}

// want fails the test when do reads a large table as a whole, or does not show up with the tables it must read.
func (e *explaining) want(what string, tables []string, do func()) {
	e.t.Helper()
	e.plans = nil
	do()
	seen := map[string]bool{}
	for _, plan := range e.plans {
		plan.Plan.walk(func(n planNode) {
			seen[n.Relation] = true
			if fault := n.fault(); fault != "" {
				e.t.Errorf("%s: %s %s %s in: %.300s", what, n.Type, n.Relation, fault, plan.Query)
			}
		})
	}
	for _, table := range tables {
		if !seen[table] {
			e.t.Errorf("%s: no plan touched %s; this test saw only %v", what, table, seen)
		}
	}
}

func (n planNode) walk(visit func(planNode)) {
	visit(n)
	for _, child := range n.Plans {
		child.walk(visit)
	}
}

// fault is what is wrong with one node of a plan.
func (n planNode) fault() string {
	ours := n.Relation == "staging" || n.Relation == "event" || n.Relation == "effect"
	switch {
	case !large[n.Relation]:
		return ""
	case n.Type == "Seq Scan":
		return "is a sequential scan"
	case strings.HasPrefix(n.Type, "Index") && n.Cond == "" && !ours:
		return "walks the whole index " + n.Index // ours are walked from their end, up to a LIMIT
	case n.Filtered > 1000:
		return fmt.Sprintf("throws away %.0f rows", n.Filtered)
	}
	return ""
}
