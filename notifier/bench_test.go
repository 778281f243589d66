package notifier

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/pgtest"
)

// BenchmarkLatency is the time from the clinic's COMMIT to Publish for one event at a time, with the daemon's
// defaults. A lone event comes when the looks after the one before have grown to the poll interval again.
func BenchmarkLatency(b *testing.B) {
	const soon, lone = 10 * time.Millisecond, 130 * time.Millisecond
	tests := []struct {
		name   string
		gap    time.Duration
		deaf   bool
		beside bool // a transaction of another account that stays open after its update
	}{
		{"bell", soon, false, false},
		{"bell_lone", lone, false, false},
		{"bell_lone_beside_open_transaction", lone, false, true},
		{"poll", soon, true, false},
		{"poll_lone", lone, true, false},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			c := newClinic(b)
			d := c.serve(serve{accounts: []string{"1"}, deaf: test.deaf})
			if test.beside {
				other := c.book(2, booked)
				defer c.begin(`UPDATE appointments SET "statusId" = 5 WHERE id = $1`, other)()
			}
			var took []time.Duration
			n := 0
			for b.Loop() {
				id := c.book(1, booked)
				time.Sleep(test.gap + rand.N(test.gap/2)) // in no step with the polls
				c.set(id, finished)
				committed := time.Now()
				n++
				took = append(took, d.rooms.awaitEvents(b, n)[n-1].at.Sub(committed))
			}
			reportPercentiles(b, took)
		})
	}
}

func reportPercentiles(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	for _, p := range []int{50, 95, 99} {
		at := took[min(len(took)-1, len(took)*p/100)]
		b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
	b.ReportMetric(0, "ns/op") // it is mostly the sleep
}

// BenchmarkLoad is the data of a batch: one query, and the JSON of each appointment.
func BenchmarkLoad(b *testing.B) {
	c := newClinic(b)
	c.exec(`INSERT INTO procedures VALUES (1, 'Ultrassom', 100)`)
	ids := c.bookAll(1, finished, 100)
	c.exec(`INSERT INTO appointment_procedures ("appointmentId", "procedureId") SELECT id, 1 FROM appointments`)
	c.super(`VACUUM ANALYZE`)
	d := newDaemon(b, serve{url: c.db.URL(pgtest.Runtime)})
	defer d.pool.Close()
	for _, count := range []int{1, 10, 100} {
		events := make([]Event, count)
		for i := range events {
			events[i] = eventOf(ids[i], 1)
		}
		load := func(b *testing.B) {
			b.Helper()
			if _, err := d.loader.Load(context.Background(), events); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("batch=%d", count), func(b *testing.B) {
			load(b) // the statement is prepared
			b.ReportAllocs()
			report := c.postgresCPU(b, count, "dto")
			for b.Loop() {
				load(b)
			}
			report()
		})
	}
}

// postgresCPU reports what one of so many pieces takes of the daemon's backends' processor time, which other work on the machine disturbs less than it
// does ns/op.
func (c *clinic) postgresCPU(b *testing.B, pieces int, piece string) (report func()) {
	b.Helper()
	before := c.backendsCPU()
	return func() {
		b.ReportMetric(float64((c.backendsCPU()-before).Nanoseconds())/float64(b.N)/float64(pieces), "pg-cpu-ns/"+piece)
	}
}

// backendsCPU is what the backends of the runtime role have used; 0 where there is no /proc.
func (c *clinic) backendsCPU() (used time.Duration) {
	c.t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	for _, pid := range c.ids(`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = $1`, pgtest.Runtime) {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
		if err != nil {
			c.t.Fatal(err)
		}
		var ran time.Duration
		if _, err := fmt.Sscan(string(raw), (*int64)(&ran)); err != nil {
			c.t.Fatal(err)
		}
		used += ran
	}
	return used
}

func BenchmarkEncode(b *testing.B) {
	row := exampleRow()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := row.encode(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPump numbers so many staged rows and brings them back up to broughtBatch, as the feed does; staging them is not measured.
func BenchmarkPump(b *testing.B) {
	c := newClinic(b)
	d := newDaemon(b, serve{url: c.db.URL(pgtest.Runtime)})
	defer d.pool.Close()
	ctx := context.Background()
	staged := c.db.Connect(pgtest.Superuser)
	for _, count := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("rows=%d", count), func(b *testing.B) {
			c.super(`TRUNCATE notifier.event`) // as short for the last run as for the first
			c.super(`VACUUM notifier.staging`)
			head, err := probe(ctx, d.pool)
			if err != nil {
				b.Fatal(err)
			}
			last := head.cursor.Seq
			advance := func() {
				p, ok, err := pump(ctx, d.pool, last, 0, &timeLimit{}, NoMetrics{})
				if err != nil || !ok || p.events != count || len(p.read) != count && count <= broughtBatch {
					b.Fatal(p.events, len(p.read), ok, err)
				}
				last = p.cursor.Seq
			}
			stage(b, staged, count)
			advance() // the statement is prepared
			b.ReportAllocs()
			report := c.postgresCPU(b, count, "row")
			for b.Loop() {
				b.StopTimer()
				stage(b, staged, count)
				b.StartTimer()
				advance()
			}
			report()
		})
	}
}

func stage(b *testing.B, conn *pgx.Conn, count int) {
	b.Helper()
	_, err := conn.Exec(context.Background(), `INSERT INTO notifier.staging (appointment_id, account_id, doctor_id, status, event, releases_doctor)
		SELECT n, n % 100, n % 100, 'CANCELADO', 'appointmnents.finished', false FROM generate_series(1, $1) AS n`, count)
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkProbe is what an idle daemon does twenty times a second.
func BenchmarkProbe(b *testing.B) {
	c := newClinic(b)
	d := newDaemon(b, serve{url: c.db.URL(pgtest.Runtime)})
	defer d.pool.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := probe(context.Background(), d.pool); err != nil {
			b.Fatal(err)
		}
	}
}
