package notifier

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/pgtest"
)

// previousDaemon does what a daemon of the previous release does to the database, with the statements that it has prepared. An
// event that it cannot read ends it, as it would stand still.
type previousDaemon struct {
	t    *testing.T
	conn *pgx.Conn
	sql  map[string]string
	seqs []int64 // what it has read
	at   atomic.Int64
	stop func()
}

func (c *clinic) servePrevious(t *testing.T) *previousDaemon {
	t.Helper()
	p := &previousDaemon{t: t, conn: c.db.Connect(pgtest.Runtime), sql: map[string]string{}}
	for _, name := range []string{"read", "pump", "enlist", "release"} {
		text, err := os.ReadFile(filepath.Join("testdata", "previous", name+".sql"))
		if err != nil {
			t.Fatal(err)
		}
		p.sql[name] = string(text)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		for ctx.Err() == nil {
			if err := p.round(); err != nil {
				t.Errorf("the previous release's daemon stands still after %d: %v", p.at.Load(), err)
				return
			}
		}
	})
	p.stop = sync.OnceFunc(func() {
		cancel()
		group.Wait()
		if _, err := p.conn.Exec(context.Background(), `SELECT notifier.discharge('previous')`); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(p.stop)
	return p
}

func (p *previousDaemon) round() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := p.conn.Exec(ctx, p.sql["enlist"], "previous", "127.0.0.1:1", []byte("c"), "0.1.0"); err != nil {
		return err
	}
	if _, err := p.conn.Exec(ctx, p.sql["pump"], 10); err != nil {
		return err
	}
	if _, err := p.conn.Exec(ctx, p.sql["release"], 1, p.at.Load()); err != nil {
		return err
	}
	rows, _ := p.conn.Query(ctx, p.sql["read"], p.at.Load(), 50)
	var (
		seq, epoch                                               int64
		account, appointment, accountJSON, appointmentJSON, name string
	)
	_, err := pgx.ForEachRow(rows, []any{&seq, &epoch, &account, &appointment, &accountJSON, &appointmentJSON, &name, nil}, func() error {
		p.seqs = append(p.seqs, seq)
		p.at.Store(seq)
		return nil
	})
	return err
}

// writers end appointments until they are stopped: each is cancelled first and then finished.
type writers struct {
	ended atomic.Int64
	stop  func()
}

func (c *clinic) keepWriting(t *testing.T) *writers {
	t.Helper()
	w := &writers{}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for account := 1; account <= 3; account++ {
		group.Go(func() {
			for ctx.Err() == nil {
				_, err := c.app.Exec(context.Background(), fmt.Sprintf(`DO $$ DECLARE booked integer; BEGIN
					INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
					VALUES (now(), '', '', %[1]d, %[1]d + 10, %[1]d, 1) RETURNING id INTO booked;
					UPDATE appointments SET "statusId" = 6 WHERE id = booked; UPDATE appointments SET "statusId" = 5 WHERE id = booked; END $$`, account))
				if err != nil {
					t.Errorf("a writer of the clinic fails: %v", err)
					return
				}
				w.ended.Add(1)
			}
		})
	}
	w.stop = sync.OnceFunc(func() { cancel(); group.Wait() })
	t.Cleanup(w.stop)
	return w
}

func (w *writers) await(t *testing.T, more int64) {
	t.Helper()
	goal := w.ended.Load() + more
	eventually(t, "writers to go on", func() bool { return w.ended.Load() >= goal })
}

// The previous release's schema with a loaded outbox, beside writers and a daemon of that release, which goes on after the upgrade and
// beside one of this: nothing is lost, doubled or out of order, clients' cursors are good, and what waited to be released is.
func TestAnUpgradeWithALoadedOutboxLosesNothing(t *testing.T) {
	t.Parallel()
	c := furnish(t, pgtest.Previous(t))
	guard, clients := c.loadOutbox()
	writers := c.keepWriting(t)
	writers.await(t, 10)
	previous := c.servePrevious(t)
	c.upgradeBeside(t, writers)
	writers.await(t, 10)
	if _, err := c.db.Connect(pgtest.Runtime).Exec(t.Context(), `SELECT notifier.send_test('1', 'm')`); sqlState(err) != "55000" {
		t.Errorf("a test is sent beside the previous release's daemon: %v", err)
	}

	d := c.serve(serve{accounts: []string{"1", "2", "3"}})
	d.replays = NewLog(d.pool, d.loader, 1_000_000)
	writers.await(t, 20)
	writers.stop()
	c.set(guard, finished)
	end := 300 + 1 + 1 + 2*writers.ended.Load()
	d.rooms.awaitSettled(t, end)
	eventually(t, "the previous release's daemon to read all", func() bool { return previous.at.Load() >= end })
	previous.stop()
	if want := upTo(1, end); !slices.Equal(previous.seqs, want) {
		t.Errorf("the previous release's daemon has read %d events, want %d in their order", len(previous.seqs), len(want))
	}
	if n := pgtest.Get[int64](c.db, `SELECT count(*) FROM notifier.event`); n != end {
		t.Errorf("%d events, want %d", n, end)
	}
	checkUpgradedLog(t, c, d, clients, end)
	eventually(t, "all to be released", func() bool {
		return pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE outcome IS NULL`) == 0
	})
	if c.busy(1) {
		t.Error("the doctor who was serving is busy still")
	}
	if n := pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE outcome = 'released'`); n != 1 {
		t.Errorf("%d released, want 1", n)
	}

	c.db.RouteDoctors()
	c.occupy(1)
	c.db.Exec(pgtest.Runtime, `SELECT notifier.send_test('1', 'm')`)
	d.rooms.awaitSettled(t, end+2)
}

// loadOutbox leaves events, staged rows and releases that wait, for an appointment that is being served. It returns that, and clients' cursors.
func (c *clinic) loadOutbox() (guard int, clients []string) {
	c.t.Helper()
	c.occupy(1)
	guard = c.book(1, serving)
	for account := range 3 {
		c.bookAll(1+account, booked, 100)
	}
	c.exec(`UPDATE appointments SET "statusId" = 5 WHERE id % 2 = 0 AND "statusId" = 1`) // 150, those of doctor 1 wait
	c.db.Exec(pgtest.Runtime, `SELECT notifier.pump(100)`)                               // and 50 stay in staging
	epoch := pgtest.Get[int64](c.db, `SELECT epoch FROM notifier.head`)
	clients = []string{Cursor{epoch, 0}.String(), Cursor{epoch, 40}.String(), Cursor{epoch, 100}.String()}
	c.exec(`UPDATE appointments SET "statusId" = 6 WHERE id % 2 = 1 AND "statusId" = 1`) // as many more
	return guard, clients
}

// upgradeBeside upgrades beside writers, one of whom holds staging against the migration until the others have gone on for a while.
func (c *clinic) upgradeBeside(t *testing.T, writers *writers) {
	t.Helper()
	commit := c.begin(`INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		VALUES (now(), '', '', 2, 2, 2, 6)`) // it holds staging against the migration
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for goal := writers.ended.Load() + 30; writers.ended.Load() < goal && !t.Failed(); <-tick.C {
		}
		commit()
	}()
	c.db.Upgrade()
	<-committed
}

func upTo(first, last int64) []int64 {
	all := make([]int64, 0, last-first+1)
	for seq := first; seq <= last; seq++ {
		all = append(all, seq)
	}
	return all
}

// checkUpgradedLog compares what the log has with what the clinic did, and what clients get with what the log has.
func checkUpgradedLog(t *testing.T, c *clinic, d *daemon, clients []string, end int64) {
	t.Helper()
	wrong := pgtest.Get[[]string](c.db, `
		WITH told AS (
			SELECT e.appointment_id AS id, string_agg(e.status, ' ' ORDER BY e.seq) AS statuses FROM notifier.event AS e GROUP BY 1
		)
		SELECT coalesce(array_agg(format('%s is %s, told: %s', a.id, s.code, t.statuses)), '{}')
		FROM appointments AS a JOIN appointment_status AS s ON s.id = a."statusId" LEFT JOIN told AS t ON t.id = a.id
		WHERE t.statuses IS NULL OR t.statuses NOT IN ('FINALIZADO', 'CANCELADO', 'CANCELADO FINALIZADO') OR t.statuses NOT LIKE '%' || s.code`)
	if len(wrong) != 0 {
		t.Errorf("%d appointments are told wrongly: %.300q", len(wrong), wrong)
	}
	if got := d.rooms.awaitEvents(t, 1); got[len(got)-1].seq != end {
		t.Errorf("the new daemon published up to %d, want %d", got[len(got)-1].seq, end)
	}
	checkOrder(t, d.rooms.published, d.rooms.published[0].seq)
	for _, account := range []string{"1", "2", "3"} {
		for _, cursor := range clients {
			from, err := ParseCursor(cursor)
			if err != nil {
				t.Fatal(err)
			}
			want := pgtest.Get[[]int64](c.db, `SELECT array_agg(seq ORDER BY seq) FROM notifier.event
				WHERE account_id::text = $1 AND seq > $2`, account, from.Seq)
			var got []int64
			for _, p := range d.replay(t, account, cursor, end) {
				got = append(got, p.seq)
			}
			if !slices.Equal(got, want) {
				t.Errorf("account %s after %s is sent %d events, want %d in their order", account, cursor, len(got), len(want))
			}
		}
	}
}
