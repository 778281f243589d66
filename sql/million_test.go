package sql_test

import (
	"context"
	"flag"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"notifier/sql"
	"notifier/sql/pgtest"
)

var showPlans = flag.Bool("plans", false, "BenchmarkMillionEvents prints the plan of every statement")

// millionEvents is a log of a million events of 200 accounts, 200,000 of them older than a day, with their effects, beside
// a million appointments that they tell of.
const millionEvents = `
	SET session_replication_role = replica;
	INSERT INTO accounts (name) SELECT 'Conta ' || i FROM generate_series(1, 200) AS i;
	INSERT INTO doctors ("accountId", name) SELECT 1 + i % 200, 'Dr. ' || i FROM generate_series(1, 2000) AS i;
	INSERT INTO patients ("accountId", name) VALUES (1, 'x');
	INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId", "updatedAt")
	SELECT now() - (1000000 - s) * interval '0.1 s', '09:00', '09:15', 1 + s % 200, 1 + s % 2000, 1, 5 + s % 2,
	       (now() - (1000000 - s) * interval '0.108 s') AT TIME ZONE 'UTC'
	FROM generate_series(1, 1000000) AS s;
	INSERT INTO notifier.event (seq, epoch, appointment_id, account_id, doctor_id, status, event, changed_at, numbered_at)
	SELECT s, 1, s, 1 + s % 200, 1 + s % 2000, CASE s % 2 WHEN 0 THEN 'FINALIZADO' ELSE 'CANCELADO' END, 'appointmnents.finished', t, t
	FROM (SELECT s, now() - (1000000 - s) * interval '0.108 s' AS t FROM generate_series(1, 1000000) AS s) AS x;
	INSERT INTO notifier.effect (seq, appointment_id, doctor_id, outcome, asked_at, settled_at)
	SELECT s, s, 1 + s % 2000, 'released', t, t
	FROM (SELECT s, now() - (1000000 - s) * interval '0.108 s' AS t FROM generate_series(2, 1000000, 2) AS s) AS x;
	UPDATE notifier.head SET seq = 1000000;
	UPDATE notifier.cut SET numbered_at = now() - interval '40 hours'`

// BenchmarkMillionEvents measures what daemons run all the time on a log of a million events, and then the retention
// beside a transaction that stays open, as a dump does: nothing that it removes can be vacuumed away.
//
//	go test -run '^$' -bench MillionEvents -benchtime 1x ./sql [-plans]
func BenchmarkMillionEvents(b *testing.B) {
	for b.Loop() {
		m := loadMillion(b)
		m.reading()
		m.writing()
		m.reconciling()
		m.cutting()
	}
}

// million is a loaded clinic, a daemon's connection, and another daemon's.
type million struct {
	*pgtest.DB
	b             *testing.B
	daemon, other *pgx.Conn
	plans         []string // of the daemon's connection, with -plans
}

func loadMillion(b *testing.B) *million {
	b.Helper()
	m := &million{DB: pgtest.Migrated(b), b: b}
	started := time.Now()
	m.Exec(pgtest.Runtime, `SELECT notifier.pump(1)`) // opens the first epoch
	m.Exec(pgtest.Superuser, millionEvents)
	m.Exec(pgtest.Superuser, `VACUUM ANALYZE`)
	b.Logf("loaded in %v", time.Since(started).Round(time.Second))
	m.other = m.Connect(pgtest.Runtime)
	if *showPlans {
		explainEverything(b, m.DB)
		m.Exec(pgtest.Superuser, `ALTER DATABASE `+m.Name+` SET auto_explain.log_format = text; ALTER DATABASE `+m.Name+` SET auto_explain.log_buffers = on`)
	}
	config, err := pgx.ParseConfig(m.URL(pgtest.Runtime))
	if err != nil {
		b.Fatal(err)
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { m.plans = append(m.plans, n.Message) }
	if m.daemon, err = pgx.ConnectConfig(context.Background(), config); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.daemon.Close(context.Background()) })
	return m
}

// statement reads one of the daemon's own statements.
func (m *million) statement(name string) string {
	m.b.Helper()
	text, err := os.ReadFile("../notifier/" + name + ".sql")
	if err != nil {
		m.b.Fatal(err)
	}
	return string(text)
}

func (m *million) reading() {
	accounts, after, upTo, epochs := make([]string, 500), make([]int64, 500), make([]int64, 500), make([]int64, 500)
	for i := range accounts {
		accounts[i], after[i], upTo[i], epochs[i] = "17", 900_000, 1_000_000, 1
	}
	replay := m.statement("replay")
	m.measure("read 500 at the log's end", 300, func() { m.run(m.statement("read"), 999_500, 500) })
	m.measure("read 500 in its middle", 300, func() { m.run(m.statement("read"), 500_000, 500) })
	m.measure("probe", 1000, func() { m.run(m.statement("probe")) })
	m.asReplay(func() {
		m.measure("replay one client, 200 of 4,500 events", 300, func() { m.run(replay, accounts[:1], []int64{100_000}, upTo[:1], 200) })
		m.measure("replay 500 clients, 200 of 500 events each", 10, func() { m.run(replay, accounts, after, upTo, 200) })
		if !value[bool](m.b, m.daemon, m.statement("known"), epochs[:1], after[:1]) {
			m.b.Error("the cursor is not known: the judgement ended early")
		}
		m.measure("judge one cursor", 300, func() { m.run(m.statement("known"), epochs[:1], after[:1]) })
		m.measure("judge 500 cursors", 100, func() { m.run(m.statement("known"), epochs, after) })
		m.measure("floor of one account, 4,500 events", 300, func() { m.run(m.statement("floor"), accounts[:1], []int64{100_000}, upTo[:1], 10_000) })
	})
	m.measure("what survived of an epoch", 300, func() { m.run(m.statement("survived"), 1, 999_000) })
}

const stage = `INSERT INTO notifier.staging (appointment_id, account_id, doctor_id, status, event, releases_doctor)
	SELECT s, 1 + s % 200, 1 + s % 2000, 'FINALIZADO', 'appointmnents.finished', $2 FROM generate_series(1, $1::integer) AS s`

func (m *million) writing() {
	clinic := m.Connect(pgtest.Superuser)
	m.measure("empty pump", 300, func() { m.run(m.statement("pump"), 1000) })
	for _, staged := range []int{1, 1000} {
		name := map[int]string{1: "pump of 1", 1000: "pump of 1,000"}[staged]
		m.measureAfter(name, 50, func() { execute(m.b, clinic, stage, staged, false) }, func() { m.run(m.statement("pump"), 1000) })
	}
	m.measureAfter("release of 100 doctors", 20, func() {
		execute(m.b, clinic, `UPDATE doctors SET "isBusy" = true WHERE id <= 100`)
		execute(m.b, clinic, stage, 100, true)
		m.run(m.statement("pump"), 1000)
	}, func() { m.run(m.statement("release"), 100, 2_000_000) })
	m.measure("prune that finds nothing", 100, func() { m.run(`SELECT notifier.prune('100 years', 1000)`) })
}

func (m *million) reconciling() {
	owner := m.Connect(pgtest.Owner)
	for _, since := range []string{"2 hours", "24 hours"} {
		m.measure("reconcile: find nothing in "+since, 3, func() {
			execute(m.b, owner, `SELECT * FROM notifier.unreported(now() - $1::text::interval)`, since)
		})
	}
	m.Exec(pgtest.Superuser, `SET session_replication_role = replica; UPDATE appointments SET "statusId" = 11 - "statusId" WHERE id % 20 = 0`)
	started := time.Now()
	found, err := sql.Reconcile(context.Background(), m.URL(pgtest.Owner), sql.Reconciliation{Since: 24 * time.Hour})
	if err != nil {
		m.b.Fatal(err)
	}
	m.b.Logf("reconcile: %d found and staged in 24 hours, in %v", found.Found(), time.Since(started).Round(100*time.Millisecond))
	m.Exec(pgtest.Superuser, `TRUNCATE notifier.staging`)
	logEnd, missed := m.missed(owner)
	m.measureAfter("reconcile: stage 1,000, whose rows are locked so long", 20, func() { m.Exec(pgtest.Superuser, `TRUNCATE notifier.staging`) }, func() {
		execute(m.b, owner, `SELECT * FROM notifier.stage($1::text::notifier.staging[], $2)`, missed, logEnd)
	})
	m.Exec(pgtest.Superuser, `TRUNCATE notifier.staging`)
	m.Exec(pgtest.Superuser, `TRUNCATE notifier.staging`)
}

// missed are a thousand appointments without an event.
func (m *million) missed(owner *pgx.Conn) (logEnd int64, missed string) {
	m.b.Helper()
	logEnd = value[int64](m.b, owner, `SELECT seq FROM notifier.head`)
	return logEnd, value[string](m.b, owner, `SELECT ARRAY(SELECT u FROM notifier.unreported(now() - interval '2 hours') AS u LIMIT 1000)::text`)
}

// cutting prunes at full speed while another daemon pumps.
func (m *million) cutting() {
	old := m.Connect(pgtest.Owner)
	execute(m.b, old, `BEGIN ISOLATION LEVEL REPEATABLE READ`)
	execute(m.b, old, `SELECT FROM appointments LIMIT 1`)
	pumps := m.pumping()
	waited := m.watching()
	var prunes []time.Duration
	for removed := 1000; removed == 1000; {
		m.plans = nil
		started := time.Now()
		removed = value[int](m.b, m.daemon, `SELECT notifier.prune('1 day', 1000)`)
		prunes = append(prunes, time.Since(started))
	}
	for _, plan := range m.plans {
		m.b.Logf("the last prune: %s", plan)
	}
	if waited() {
		m.b.Error("somebody waited for a lock")
	}
	m.tell("prune of 1,000, the first twenty", prunes[:20])
	m.tell("prune of 1,000, the last twenty", prunes[len(prunes)-21:len(prunes)-1])
	m.tell("prune, the last: looks for what was settled late", prunes[len(prunes)-1:])
	m.tell("pump of 20 beside it", pumps())
	m.measure("prune that finds nothing, after it", 50, func() { m.run(`SELECT notifier.prune('1 day', 1000)`) })
	m.measure("min(seq) over what was removed", 20, func() { m.run(`SELECT min(e.seq) FROM notifier.event AS e`) })
	m.measure("min(seq) from the cut on", 20, func() {
		m.run(`SELECT min(e.seq) FROM notifier.event AS e WHERE e.seq > (SELECT c.seq FROM notifier.cut AS c)`)
	})
	m.asReplay(func() {
		m.measure("judge one cursor, after it", 50, func() { m.run(m.statement("known"), []int64{1}, []int64{900_000}) })
		m.measure("replay one client, after it", 50, func() {
			m.run(m.statement("replay"), []string{"17"}, []int64{300_000}, []int64{1_000_000}, 200)
		})
	})
}

// pumping pumps twenty changes at a time until the function that it returns is called, which tells how long each took.
func (m *million) pumping() (stop func() []time.Duration) {
	clinic := m.Connect(pgtest.Superuser)
	var done atomic.Bool
	result := make(chan []time.Duration)
	go func() {
		var took []time.Duration
		for !done.Load() {
			execute(m.b, clinic, stage, 20, false)
			started := time.Now()
			execute(m.b, m.other, m.statement("pump"), 1000)
			took = append(took, time.Since(started))
		}
		result <- took
	}()
	return func() []time.Duration { done.Store(true); return <-result }
}

// watching looks for waiting locks until the function that it returns is called, which tells whether there were any.
func (m *million) watching() (stop func() bool) {
	conn := m.Connect(pgtest.Superuser)
	var done atomic.Bool
	result := make(chan bool)
	go func() {
		waited := false
		for !done.Load() {
			waited = value[bool](m.b, conn, `SELECT EXISTS (SELECT FROM pg_locks AS l WHERE NOT l.granted
				AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))`) || waited
			time.Sleep(time.Millisecond) // a sampler's own rhythm
		}
		result <- waited
	}()
	return func() bool { done.Store(true); return <-result }
}

func (m *million) run(statement string, args ...any) {
	m.b.Helper()
	execute(m.b, m.daemon, statement, args...)
}

// asReplay runs questions of replays as the daemon does, in a transaction with their settings.
func (m *million) asReplay(do func()) {
	m.b.Helper()
	m.run(`BEGIN`)
	m.run(m.statement("replay_settings"))
	do()
	m.run(`COMMIT`)
}

func (m *million) measure(name string, times int, do func()) {
	m.b.Helper()
	m.measureAfter(name, times, func() {}, do)
}

func (m *million) measureAfter(name string, times int, prepare, do func()) {
	m.b.Helper()
	for range min(6, 1+times/10) { // prepared, planned, in the cache
		prepare()
		m.plans = nil
		do()
	}
	for _, plan := range m.plans {
		m.b.Logf("%s: %s", name, plan)
	}
	took := make([]time.Duration, 0, times)
	for range times {
		prepare()
		started := time.Now()
		do()
		took = append(took, time.Since(started))
	}
	m.tell(name, took)
}

func (m *million) tell(name string, took []time.Duration) {
	m.b.Helper()
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[int(share*float64(len(took)-1))].Microseconds()) / 1000
	}
	m.b.Logf("%-48s p50 %8.2f ms   p99 %8.2f ms   max %8.2f ms   n %d", name, at(.5), at(.99), at(1), len(took))
}
