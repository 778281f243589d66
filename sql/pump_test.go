package sql_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/pgtest"
)

func TestPumpsThatAreKilledWhileManyWriteNumberEveryChangeOnceAndInOrder(t *testing.T) {
	t.Parallel()
	const writers, pumpers, transactions, appointments = 8, 3, 60, 40
	c := newClinic(t)
	for range appointments {
		c.book(1, checkin)
	}
	// What really happened, in the order of the appointments' row locks.
	c.Exec(pgtest.Owner, `CREATE TABLE truth (n bigserial, appointment integer, status integer); GRANT ALL ON truth, truth_n_seq TO clinic_app`)

	var writing, pumping sync.WaitGroup
	for range writers {
		conn := c.Connect(pgtest.App)
		writing.Go(func() {
			for range transactions {
				writeAtRandom(t, conn, rand.IntN(appointments)+1)
			}
		})
	}
	ctx, stop := context.WithCancel(context.Background())
	for range pumpers {
		pumping.Go(func() { pumpUntil(ctx, c.DB) })
	}
	kills := 0
	pumping.Go(func() { kills = killUntil(ctx, t, c.DB.Connect(pgtest.Superuser)) })
	writing.Wait()
	stop()
	pumping.Wait()
	eventually(t, "everything is numbered", func() bool { // a killed daemon's last pump may still be at it
		c.pump()
		return len(c.staged()) == 0
	})

	total := pgtest.Get[int](c.DB, `SELECT count(*) FROM truth`)
	if total == 0 || kills == 0 {
		t.Fatalf("%d changes, %d kills: this test showed nothing", total, kills)
	}
	t.Logf("%d changes, %d pumps killed", total, kills)
	for what, query := range map[string]string{
		"seq from 1 without a gap": `SELECT count(*) = max(seq) AND min(seq) = 1 AND max(seq) = (SELECT count(*) FROM truth) FROM notifier.event`,
		"head at the end of it":    `SELECT seq = (SELECT max(seq) FROM notifier.event) FROM notifier.head`,
		"staging empty":            `SELECT NOT EXISTS (SELECT FROM notifier.staging)`,
		"an effect for each finalisation": `SELECT (SELECT array_agg(seq ORDER BY seq) FROM notifier.effect)
			= (SELECT array_agg(seq ORDER BY seq) FROM notifier.event WHERE status = 'FINALIZADO')`,
		"every appointment's changes, in order": `SELECT (SELECT json_object_agg(appointment, list ORDER BY appointment)::text FROM (
				SELECT appointment, array_agg(CASE status WHEN 5 THEN 'FINALIZADO' ELSE 'CANCELADO' END ORDER BY n) AS list FROM truth GROUP BY 1) AS a)
			= (SELECT json_object_agg(appointment_id, list ORDER BY appointment_id)::text FROM (
				SELECT appointment_id, array_agg(status ORDER BY seq) AS list FROM notifier.event GROUP BY 1) AS b)`,
	} {
		if !pgtest.Get[bool](c.DB, query) {
			t.Errorf("not true: %s", what)
		}
	}
}

// writeAtRandom turns an appointment from one terminal status to the other, slowly, and mostly commits.
func writeAtRandom(t *testing.T, conn *pgx.Conn, appointment int) {
	ctx := context.Background()
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN`)
	batch.Queue(`WITH changed AS (
			UPDATE appointments SET "statusId" = CASE "statusId" WHEN 5 THEN 6 ELSE 5 END WHERE id = $1 RETURNING id, "statusId")
		INSERT INTO truth (appointment, status) SELECT id, "statusId" FROM changed`, appointment)
	batch.Queue(`SELECT pg_sleep($1)`, rand.Float64()*0.004)
	end := `COMMIT`
	if rand.IntN(5) == 0 {
		end = `ROLLBACK`
	}
	batch.Queue(end)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		t.Errorf("the clinic's transaction: %v", err)
	}
}

// pumpUntil pumps as a daemon does: when its connection dies, it takes another.
func pumpUntil(ctx context.Context, db *pgtest.DB) {
	for ctx.Err() == nil {
		conn, err := pgx.Connect(context.Background(), db.URL(pgtest.Runtime))
		for err == nil && ctx.Err() == nil {
			_, err = conn.Exec(context.Background(), `SELECT * FROM notifier.pump(3)`)
		}
		if conn != nil {
			_ = conn.Close(context.Background()) // most of them are dead
		}
	}
}

// killUntil terminates backends in the middle of a pump, and tells how many.
func killUntil(ctx context.Context, t *testing.T, conn *pgx.Conn) (kills int) {
	for ctx.Err() == nil {
		var killed int
		if err := conn.QueryRow(context.Background(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND state = 'active' AND query LIKE '%notifier.pump(3)%'
			  AND pid <> pg_backend_pid() AND random() < 0.3`).Scan(&killed); err != nil {
			t.Errorf("terminate: %v", err)
			return kills
		}
		kills += killed
		time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond) // the storm's own rhythm; nothing waits for it
	}
	return kills
}

func TestAChangeIsNumberedWhenItCommitsAndWaitsForNoOther(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	early, late := c.book(1, checkin), c.book(2, checkin)
	open := c.Connect(pgtest.App)
	execute(t, open, `BEGIN`)
	execute(t, open, `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, early)
	c.change(late, finalizado)
	if got := c.pump(); got != 1 {
		t.Errorf("numbered %d beside an open transaction, want 1", got)
	}
	execute(t, open, `COMMIT`)
	c.pump()
	equal(t, "events", pgtest.Get[[]int](c.DB, `SELECT array_agg(appointment_id ORDER BY seq) FROM notifier.event`), []int{late, early})
}

func TestAPumpTellsWhereTheLogEndsAndWhetherDoctorsWait(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	type result struct {
		Seq, Epoch  int64
		Numbered    int
		EffectsWait bool
	}
	pump := func(most int) result {
		rows, _ := c.runtime.Query(context.Background(), `SELECT * FROM notifier.pump($1)`, most)
		got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[result])
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	id := c.book(1, checkin)
	c.change(id, cancelado)
	c.finish(1)
	c.finish(1)
	for _, step := range []struct {
		most int
		want result
	}{
		{1, result{1, 1, 1, false}},
		{9, result{3, 1, 2, true}},
		{9, result{3, 1, 0, true}},
	} {
		if got := pump(step.most); got != step.want {
			t.Errorf("pump: %+v, want %+v", got, step.want)
		}
	}
	c.release(0)
	if got, want := pump(1), (result{3, 1, 0, false}); got != want {
		t.Errorf("pump after the release: %+v, want %+v", got, want)
	}
}

func TestAPumpBesideAnotherReturnsNoRowAndDoesNotWait(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.finish(1)
	other := c.Connect(pgtest.Runtime)
	execute(t, other, `BEGIN`)
	execute(t, other, `SELECT * FROM notifier.pump(1)`)
	execute(t, c.runtime, `SET lock_timeout = '1ms'`)
	if got := value[int](t, c.runtime, `SELECT count(*) FROM notifier.pump(1)`); got != 0 {
		t.Errorf("%d rows beside another pump, want none", got)
	}
	execute(t, other, `ROLLBACK`) // its daemon dies: what it numbered is to be numbered again
	if got := c.pump(); got != 1 {
		t.Errorf("numbered %d after the other gave up, want 1", got)
	}
}

func TestACopyOfTheDatabaseOpensAnEpochOfItsOwn(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.finish(1)
	c.finish(2)
	c.pump()
	c.finish(1) // staged, not numbered
	_ = c.app.Close(context.Background())
	_ = c.runtime.Close(context.Background())
	copied := c.Copy()
	for _, x := range []struct {
		name string
		db   *pgtest.DB
		want string
	}{
		{"the database itself", c.DB, "1:0"},
		{"its copy", copied, "1:0, later:2"},
	} {
		for range 2 { // an epoch is opened once
			x.db.Exec(pgtest.Runtime, `SELECT * FROM notifier.pump(10)`)
		}
		got := pgtest.Get[string](x.db, `SELECT string_agg(CASE epoch WHEN 1 THEN '1' ELSE 'later' END || ':' || after_seq, ', ' ORDER BY epoch)
			FROM notifier.epoch`)
		if got != x.want {
			t.Errorf("%s has the epochs %s, want %s", x.name, got, x.want)
		}
	}
	if one, two := pgtest.Get[int64](c.DB, `SELECT epoch FROM notifier.event WHERE seq = 3`),
		pgtest.Get[int64](copied, `SELECT epoch FROM notifier.event WHERE seq = 3`); one == two {
		t.Errorf("event 3 is of epoch %d in both databases: one id would name two events", one)
	}
	if got := pgtest.Get[bool](copied, `SELECT h.epoch = max(e.epoch) FROM notifier.head AS h, notifier.epoch AS e GROUP BY h.epoch`); !got {
		t.Error("head is not of the last epoch")
	}
}

func TestTheRuntimeRoleReadsCommittedWhateverTheDatabaseDefaultsTo(t *testing.T) {
	t.Parallel()
	db := pgtest.Migrated(t)
	db.Exec(pgtest.Superuser, `ALTER DATABASE `+db.Name+` SET default_transaction_isolation = 'repeatable read'`)
	for role, want := range map[string]string{pgtest.App: "repeatable read", pgtest.Runtime: "read committed"} {
		if got := value[string](t, db.Connect(role), `SHOW transaction_isolation`); got != want {
			t.Errorf("%s works under %s, want %s", role, got, want)
		}
	}
}

func TestAPumpUnderRepeatableReadFailsLoudlyInsteadOfNumberingTwice(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.finish(1)
	stale := c.Connect(pgtest.Runtime)
	execute(t, stale, `BEGIN ISOLATION LEVEL REPEATABLE READ`)
	execute(t, stale, `SELECT FROM notifier.head`) // its snapshot: one change staged, nothing numbered
	c.pump()
	_, err := stale.Exec(context.Background(), `SELECT * FROM notifier.pump(10)`)
	wantState(t, err, "40001")
	execute(t, stale, `ROLLBACK`)
	if got := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.event`); got != 1 {
		t.Errorf("%d events of one change", got)
	}
}

func TestAFallenBehindPumpWorksInBatches(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.Exec(pgtest.App, `INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT now(), '', '', 1, 1, 1, 5 FROM generate_series(1, 25)`)
	for _, want := range []int{10, 10, 5, 0} {
		if got := value[int](t, c.runtime, `SELECT numbered FROM notifier.pump(10)`); got != want {
			t.Errorf("numbered %d, want %d", got, want)
		}
	}
}
