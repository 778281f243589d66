package notifier

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"notifier/sql/pgtest"
)

// history makes a log of events, one after the other of each of the accounts 1, 2, 3 …, as after a day's work. Event n
// is of appointment n.
func (c *clinic) history(accounts, events int) {
	c.t.Helper()
	c.super(fmt.Sprintf(`
		SET session_replication_role = replica; -- no triggers
		INSERT INTO appointments (id, date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT n, '2025-01-23', '09:00', '09:15', 1 + (n - 1) %% %[1]d, 1, 1, 5 FROM generate_series(1, %[2]d) AS n;
		INSERT INTO notifier.event (seq, epoch, appointment_id, account_id, doctor_id, status, event, changed_at)
		SELECT n, 1, n, 1 + (n - 1) %% %[1]d, 1, 'FINALIZADO', 'appointmnents.finished', now() FROM generate_series(1, %[2]d) AS n;
		UPDATE notifier.head SET seq = %[2]d;
		ANALYZE`, accounts, events))
}

// statements counts what reaches the server.
type statements struct {
	count, loaded atomic.Int64 // loaded are appointments
	mu            sync.Mutex
	texts         []string
}

func (s *statements) see(text string, args []any) {
	s.count.Add(1)
	s.mu.Lock()
	s.texts = append(s.texts, text)
	s.mu.Unlock()
	if text == loadSQL {
		s.loaded.Add(1 + int64(strings.Count(args[0].(string), ",")))
	}
}

// TraceQueryStart and the others are pgx's tracers.
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.see(data.SQL, data.Args)
	return ctx
}
func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (s *statements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.see(data.SQL, data.Args)
}
func (s *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// traced is a log with a pool of its own, whose statements are counted.
func (c *clinic) traced(limit int) (*Log, *statements) {
	c.t.Helper()
	url := c.db.URL(pgtest.Runtime) + "&pool_max_conns=4"
	cfg, err := parseURL(url)
	if err != nil {
		c.t.Fatal(err)
	}
	seen := &statements{}
	new(sessions).attend(cfg, url)
	cfg.ConnConfig.Tracer = seen
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(pool.Close)
	return NewLog(pool, NewLoader(pool, NoMetrics{}, slog.New(slog.NewTextHandler(newLines(c.t), nil))), limit), seen
}

// BenchmarkReplayStorm is a restart: 5,000 clients bring their cursors at once.
func BenchmarkReplayStorm(b *testing.B) {
	const clients = 5000
	tests := []struct {
		name                     string
		accounts, events, missed int
	}{
		{"nothing_missed_1000_accounts", 1000, 100_000, 0},
		{"20_missed_100_accounts", 100, 100_000, 20},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			c := newClinic(b)
			c.history(test.accounts, test.events)
			log, seen := c.traced(10_000)
			storm := func() {
				var group sync.WaitGroup
				for n := range clients {
					account := 1 + n%test.accounts
					// Between an account's last event that a client has had and its first one missed lie others' events: cursors of
					// idle clients, refreshed at different times, lie anywhere there.
					cursor := Cursor{1, int64(test.events - test.missed*test.accounts - n%(test.accounts-account+1))}
					group.Go(func() {
						got := 0
						recovered, err := log.Replay(context.Background(), strconv.Itoa(account), cursor.String(), int64(test.events),
							func(string, int64, string, []byte) { got++ })
						if !recovered || err != nil || got != test.missed {
							b.Errorf("account %d after %v: %v, %v, %d events", account, cursor, recovered, err, got)
						}
					})
				}
				group.Wait()
			}
			storm()
			seen.count.Store(0)
			b.ReportAllocs()
			began, used, storms := time.Now(), cpu(b), 0
			for b.Loop() {
				storm()
				storms++
			}
			all := float64(clients * storms)
			b.ReportMetric(float64(seen.count.Load())/all, "statements/client")
			b.ReportMetric(float64(time.Since(began).Microseconds())/all, "µs/client")
			b.ReportMetric(float64((cpu(b)-used).Microseconds())/all, "cpu-µs/client")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// cpu is what this process has used, without PostgreSQL's part.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkLongReplay is one client that has missed 10,000 events.
func BenchmarkLongReplay(b *testing.B) {
	c := newClinic(b)
	c.history(10, 100_000)
	log, _ := c.traced(10_000)
	b.ReportAllocs()
	for b.Loop() {
		got := 0
		recovered, err := log.Replay(context.Background(), "1", "1-0", 100_000, func(string, int64, string, []byte) { got++ })
		if !recovered || err != nil || got != 10_000 {
			b.Fatal(recovered, err, got)
		}
	}
}
