package sql_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"notifier/sql"
	"notifier/sql/pgtest"
)

func TestReconcilePassesOverRowsThatAreHeldAndSaysSo(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	held, free := c.book(1, checkin), c.book(2, checkin)
	c.unseen(`UPDATE appointments SET "statusId" = 5`)
	execute(t, c.app, `BEGIN`)
	execute(t, c.app, `UPDATE appointments SET notes = 'x' WHERE id = $1`, held)
	found, err := sql.Reconcile(context.Background(), c.URL(pgtest.Owner), sql.Reconciliation{Since: 3600e9})
	if err != nil || found.Found() != 1 || found.Held != 1 {
		t.Errorf("beside a writer: %+v, %v; want one staged and one held", found, err)
	}
	execute(t, c.app, `COMMIT`)
	c.reconcile()
	equal(t, "staged", c.staged(), []int{free, held})
}

func TestWhatTheClinicDoesToAReconciledAppointmentComesAfterIt(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, checkin)
	c.unseen(`UPDATE appointments SET "statusId" = 5`)
	owner := c.Connect(pgtest.Owner)
	execute(t, owner, `BEGIN`)
	execute(t, owner, `SELECT notifier.reconcile(now() - interval '1 hour')`)
	if got := c.reconcile(); got != 0 {
		t.Errorf("a second one staged %d beside the first", got)
	}
	written := make(chan error, 1)
	go func() {
		_, err := c.app.Exec(context.Background(), `UPDATE appointments SET "statusId" = 6 WHERE id = $1`, id)
		written <- err
	}()
	eventually(t, "the writer waits for the row", func() bool {
		return pgtest.Get[bool](c.DB, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`)
	})
	execute(t, owner, `COMMIT`)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	c.pump()
	if got := pgtest.Get[string](c.DB, `SELECT string_agg(status, ' ' ORDER BY seq) FROM notifier.event`); got != "FINALIZADO CANCELADO" {
		t.Errorf("the log says %s", got)
	}
}

// Writers whose changes the trigger sees or does not, pumps, and two that reconcile all the time. In the log, between
// two changes that were seen, lie only changes that were not, in their order; and at the end nothing is missing.
func TestReconcileBesideWritersAndPumpsDoublesNothingAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	const writers, transactions, appointments = 6, 150, 25
	c := newClinic(t)
	for range appointments {
		c.book(1, finalizado)
	}
	c.pump()
	c.Exec(pgtest.Owner, `CREATE TABLE truth (n bigserial, appointment integer, status text, seen boolean)`)

	var writing, working sync.WaitGroup
	for range writers {
		conn := c.Connect(pgtest.Superuser)
		writing.Go(func() {
			for range transactions {
				writeSeenOrNot(t, conn, rand.IntN(appointments)+1)
			}
		})
	}
	ctx, stop := context.WithCancel(context.Background())
	for range 2 {
		pumps, owner := c.Connect(pgtest.Runtime), c.Connect(pgtest.Owner)
		working.Go(func() { repeatUntil(ctx, t, pumps, `SELECT * FROM notifier.pump(3)`) })
		working.Go(func() { repeatUntil(ctx, t, owner, `SELECT notifier.reconcile(now() - interval '1 hour', 5)`) })
	}
	writing.Wait()
	stop()
	working.Wait()
	c.reconcile()
	if got := c.reconcile(); got != 0 {
		t.Errorf("staged %d when everything was", got)
	}
	c.pump()
	checkReconciledLog(t, c)
}

func writeSeenOrNot(t *testing.T, conn *pgx.Conn, appointment int) {
	seen := rand.IntN(2) == 0
	role := `replica`
	if seen {
		role = `origin`
	}
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN`)
	batch.Queue(`SET LOCAL session_replication_role = ` + role)
	batch.Queue(`WITH changed AS (
			UPDATE appointments SET "statusId" = CASE "statusId" WHEN 5 THEN 6 ELSE 5 END WHERE id = $1 RETURNING id, "statusId")
		INSERT INTO truth (appointment, status, seen)
		SELECT id, CASE "statusId" WHEN 5 THEN 'FINALIZADO' ELSE 'CANCELADO' END, $2 FROM changed`, appointment, seen)
	batch.Queue(`SELECT pg_sleep($1)`, rand.Float64()*0.004)
	end := `COMMIT`
	if rand.IntN(5) == 0 {
		end = `ROLLBACK`
	}
	batch.Queue(end)
	if err := conn.SendBatch(context.Background(), batch).Close(); err != nil {
		t.Errorf("the clinic's transaction: %v", err)
	}
}

// repeatUntil runs a statement again and again. A lock that it did not get at once is no failure.
func repeatUntil(ctx context.Context, t *testing.T, conn *pgx.Conn, statement string) {
	for ctx.Err() == nil {
		_, err := conn.Exec(context.Background(), statement)
		var pgErr *pgconn.PgError
		if err != nil && (!errors.As(err, &pgErr) || pgErr.Code != "55P03") {
			t.Errorf("%s: %v", statement, err)
			return
		}
	}
}

type change struct {
	Appointment int
	Status      string
	Seen        bool
}

// changesOf are rows of appointment, status and seen, by appointment.
func (c *clinic) changesOf(query string) map[int][]change {
	c.t.Helper()
	rows, _ := c.Connect(pgtest.Superuser).Query(context.Background(), query)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[change])
	if err != nil {
		c.t.Fatal(err)
	}
	by := map[int][]change{}
	for _, one := range all {
		by[one.Appointment] = append(by[one.Appointment], one)
	}
	return by
}

func checkReconciledLog(t *testing.T, c *clinic) {
	t.Helper()
	truth := c.changesOf(`SELECT appointment, status, seen FROM truth ORDER BY n`)
	// What the trigger wrote knows the status before.
	logged := c.changesOf(`SELECT appointment_id, status, from_status IS NOT NULL FROM notifier.event WHERE seq > 25 ORDER BY seq`)
	reconciled := 0
	for appointment, changes := range truth {
		last := "FINALIZADO"
		for _, entry := range logged[appointment] {
			if !entry.Seen {
				reconciled++
				if entry.Status == last {
					t.Errorf("appointment %d: reconciled although the log had just said %s", appointment, last)
				}
			}
			last = entry.Status
			for len(changes) > 0 && !changes[0].Seen && changes[0] != entry {
				changes = changes[1:]
			}
			if len(changes) == 0 || changes[0] != entry {
				t.Fatalf("appointment %d: the log has %+v where the clinic's next change is %+v", appointment, entry, changes)
			}
			changes = changes[1:]
		}
		for _, rest := range changes {
			if rest.Seen {
				t.Errorf("appointment %d: %+v is not in the log", appointment, rest)
			}
		}
	}
	if reconciled == 0 {
		t.Fatal("this test showed nothing")
	}
	t.Logf("%d events were reconciled", reconciled)
	if left := c.unreported(lastHour); left != "" {
		t.Errorf("without an event: %s", left)
	}
	if pgtest.Get[bool](c.DB, `SELECT EXISTS (SELECT FROM appointments AS a JOIN appointment_status AS s ON s.id = a."statusId"
		WHERE s.code::text IS DISTINCT FROM (SELECT e.status FROM notifier.event AS e WHERE e.appointment_id = a.id ORDER BY e.seq DESC LIMIT 1))`) {
		t.Error("the log's last word is not an appointment's present status")
	}
}
