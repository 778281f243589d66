package notifier

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

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

func BenchmarkLoad(b *testing.B) {
	c := newClinic(b)
	c.exec(`INSERT INTO procedures VALUES (1, 'Ultrassom', 100)`)
	ids := c.bookAll(1, finished, 500)
	c.exec(`INSERT INTO appointment_procedures ("appointmentId", "procedureId") SELECT id, 1 FROM appointments`)
	d := newDaemon(b, serve{url: c.db.URL(pgtest.Runtime)})
	defer d.pool.Close()
	for _, count := range []int{1, 50, 500} {
		events := make([]Event, count)
		for i := range events {
			events[i] = eventOf(ids[i], 1)
		}
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.loader.Load(context.Background(), events); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
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

func BenchmarkPump(b *testing.B) {
	c := newClinic(b)
	d := newDaemon(b, serve{url: c.db.URL(pgtest.Runtime)})
	defer d.pool.Close()
	ctx := context.Background()
	staged := c.db.Connect(pgtest.Superuser)
	for _, count := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				_, err := staged.Exec(ctx, `INSERT INTO notifier.staging (appointment_id, account_id, doctor_id, status, event, releases_doctor)
					SELECT n, n % 100, n % 100, 'CANCELADO', 'appointmnents.finished', false FROM generate_series(1, $1) AS n`, count)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if p, ok, err := pump(ctx, d.pool, &timeLimit{}, NoMetrics{}); err != nil || !ok || p.events != count {
					b.Fatal(p, ok, err)
				}
			}
		})
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
