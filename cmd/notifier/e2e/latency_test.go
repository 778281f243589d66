package e2e

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/pgtest"
)

// BenchmarkCommitToClient is the time from COMMIT to the last of 100 clients and to each of them: one event at a
// time, 50 a second, in the account that all clients belong to. With -benchtime=1000x it is the figure of the README.
func BenchmarkCommitToClient(b *testing.B) {
	for _, bench := range []struct {
		name   string
		beside bool // a clinic transaction of another account stays open after its UPDATE
		bell   bool
	}{{"alone", false, true}, {"beside_open_transaction", true, true}, {"bell_off", false, false}} {
		b.Run(bench.name, func(b *testing.B) { commitToClient(b, bench.beside, bench.bell) })
	}
}

func commitToClient(b *testing.B, beside, bell bool) {
	const clients, pace = 100, 20 * time.Millisecond
	db := clinic(b)
	book(db, 1, 1, b.N)
	book(db, 2, 1_000_000, 1)
	db.Exec(pgtest.Superuser, "UPDATE notifier.setting SET bell = $1", bell)
	p := serveReady(b, db, "--log-level", "info")
	if beside {
		open := db.Connect(pgtest.App)
		if _, err := open.Exec(context.Background(), `BEGIN; UPDATE appointments SET "statusId" = 6 WHERE id = 1000000`); err != nil {
			b.Fatal(err)
		}
	}
	arrivals := make(chan time.Time, clients)
	var readers sync.WaitGroup
	for range clients {
		s, _ := join(b, p.addr, "1", "")
		readers.Go(func() {
			for range b.N {
				_, text, err := s.conn.Read(context.Background())
				arrivals <- time.Now()
				if err != nil || !bytes.HasPrefix(text, []byte(`{"type":"event"`)) {
					b.Errorf("got %s, %v", text, err)
					return
				}
			}
		})
	}
	writer := db.Connect(pgtest.App)
	var delays []time.Duration
	b.ResetTimer()
	for id := 1; id <= b.N; id++ {
		next := time.Now().Add(pace)
		committed := commit(b, writer, id)
		for range clients {
			delays = append(delays, (<-arrivals).Sub(committed))
		}
		time.Sleep(time.Until(next)) // the pace of the load, no wait for anything
	}
	b.StopTimer()
	readers.Wait()
	slices.Sort(delays)
	b.ReportMetric(p.logs.median("event_published", "delay").Seconds()*1000, "queued-p50-ms")
	for name, part := range map[string]float64{"p50-ms": 0.5, "p95-ms": 0.95, "p99-ms": 0.99, "max-ms": 1} {
		at := max(0, int(part*float64(len(delays)))-1)
		b.ReportMetric(float64(delays[at].Microseconds())/1000, name)
	}
	b.ReportMetric(0, "ns/op") // the pace, which says nothing
}

// commit finishes an appointment and returns when COMMIT was sent.
func commit(b *testing.B, conn *pgx.Conn, id int) time.Time {
	ctx := context.Background()
	tx, err := conn.Begin(ctx)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, id); err != nil {
		b.Fatal(err)
	}
	sent := time.Now()
	if err := tx.Commit(ctx); err != nil {
		b.Fatal(err)
	}
	return sent
}
