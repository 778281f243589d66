package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"notifier/sql/pgtest"
)

// crowd is many light clients, spread over the accounts of a clinic.
type crowd struct {
	t       testing.TB
	clients []*light
	stop    context.CancelFunc
	gone    sync.WaitGroup
}

// gather connects so many clients, of which every second one speaks Socket.IO, and returns when all are welcome. They stay until the test ends.
func gather(t testing.TB, addr string, count, accounts int) *crowd {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &crowd{t: t, stop: stop}
	t.Cleanup(c.disperse)
	for n := range count {
		account := strconv.Itoa(n/2%accounts + 1)
		c.clients = append(c.clients, &light{socketIO: n%2 == 1, account: account, token: token(t, account)})
	}
	for some := range slices.Chunk(c.clients, 50) {
		for _, client := range some {
			c.gone.Go(func() { client.run(ctx, addr) })
		}
		c.await("to be welcome", func(l *light) bool { return l.connected() }, some...)
	}
	return c
}

// disperse ends all clients.
func (c *crowd) disperse() {
	c.stop()
	c.gone.Wait()
}

// await waits until something is true of all these clients; of none: of the whole crowd.
func (c *crowd) await(what string, is func(*light) bool, some ...*light) {
	c.t.Helper()
	if len(some) == 0 {
		some = c.clients
	}
	deadline := time.Now().Add(2 * e2ePatience)
	for i := 0; i < len(some); {
		if is(some[i]) {
			i++
			continue
		}
		if time.Now().After(deadline) {
			l := some[i]
			c.t.Fatalf("%d of %d clients wait %s: %s of account %s has %d events, connected at %v, cut at %v", len(some)-i, len(some), what,
				l.protocol(), l.account, l.received(), l.joins, l.ends)
		}
		time.Sleep(10 * time.Millisecond) // they are woken by a network
	}
}

// wantEverything waits until every client has as many events as the log has for its account, and compares them: each once, in order.
func (c *crowd) wantEverything(db *pgtest.DB) (deliveries int) {
	c.t.Helper()
	logged := map[string][]string{}
	of := func(account string) []string {
		if _, read := logged[account]; !read {
			logged[account] = pgtest.Get[[]string](db, `SELECT coalesce(array_agg(epoch || '-' || seq ORDER BY seq), '{}') FROM notifier.event
				WHERE account_id = $1`, account)
		}
		return logged[account]
	}
	c.await("for events", func(l *light) bool { return l.received() >= len(of(l.account)) })
	for _, l := range c.clients {
		l.mu.Lock()
		if want := of(l.account); !slices.Equal(l.ids, want) {
			c.t.Errorf("%s of account %s received %d events, want %d, each once and in order; connected %d times\n%s", l.protocol(), l.account,
				len(l.ids), len(want), len(l.joins), firstDifference(l.ids, want))
		}
		if len(l.strange) > 0 {
			c.t.Errorf("%s of account %s: %v", l.protocol(), l.account, l.strange)
		}
		deliveries += len(l.ids)
		l.mu.Unlock()
	}
	return deliveries
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("event %d is %s, want %s", i, got[i], want[i])
		}
	}
	return "the rest differs"
}

// working is a clinic that ends appointments of all its accounts, one by one.
type working struct {
	t     testing.TB
	pool  *pgxpool.Pool
	stop  context.CancelFunc
	ended sync.WaitGroup
	next  int
}

// clinics fills a database with so many accounts.
func clinics(t testing.TB, accounts int) *pgtest.DB {
	t.Helper()
	db := clinic(t)
	db.Exec(pgtest.Owner, `
		WITH a AS (INSERT INTO accounts (id, name) SELECT n, 'Clínica ' || n FROM generate_series(3, $1::int) AS n RETURNING id),
		     d AS (INSERT INTO doctors (id, "accountId", name) SELECT n, n, 'Dr. ' || n FROM generate_series(3, $1::int) AS n RETURNING id)
		INSERT INTO patients (id, "accountId", name) SELECT 455 + n, n, 'Paciente ' || n FROM generate_series(3, $1::int) AS n`, accounts)
	return db
}

// work books appointments, and ends one each pause, in turns of the accounts, until it is told to stop. Those that have ended may do so again, the other way.
func work(t testing.TB, db *pgtest.DB, accounts int, pause time.Duration) *working {
	t.Helper()
	const appointments = 1000
	db.Exec(pgtest.App, `
		INSERT INTO appointments (id, date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT 100000 + n, '2025-01-23', '09:00', '09:15', n % $1::int + 1, n % $1::int + 1, 456 + n % $1::int, 2
		FROM generate_series(0, $2::int - 1) AS n`, accounts, appointments)
	const end = `UPDATE appointments SET "statusId" = CASE "statusId" WHEN 5 THEN 6 ELSE 5 END WHERE id = $1`
	ctx, stop := context.WithCancel(context.Background())
	w := &working{t: t, pool: db.Pool(pgtest.App), stop: stop}
	w.ended.Go(func() {
		for tick := time.NewTicker(pause); ; w.next++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if _, err := w.pool.Exec(context.Background(), end, 100000+w.next%appointments); err != nil {
				t.Errorf("end an appointment: %v", err)
				return
			}
		}
	})
	t.Cleanup(w.close)
	return w
}

// close ends the work, and returns when nothing is under way.
func (w *working) close() {
	w.stop()
	w.ended.Wait()
}

// closeAndCount is close; it returns how many appointments have ended, all of which are in the log then.
func (w *working) closeAndCount(db *pgtest.DB) int {
	w.t.Helper()
	w.close()
	for deadline := time.Now().Add(e2ePatience); pgtest.Get[bool](db, `SELECT EXISTS (SELECT FROM notifier.staging)`); {
		if time.Now().After(deadline) {
			w.t.Fatal("changes wait in staging")
		}
		time.Sleep(20 * time.Millisecond) // until a daemon has numbered them
	}
	return w.next
}
