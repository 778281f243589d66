package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"notifier/sql/pgbouncer"
	"notifier/sql/pgtest"
)

// bounce puts a PgBouncer in transaction mode before the test server, with few connections to it for each role.
func bounce(t *testing.T) *pgbouncer.Bouncer {
	t.Helper()
	bouncer, err := pgbouncer.Start(t.Context(), pgbouncer.Options{ServerDir: pgtest.Server(t).SocketDir(), PoolSize: 5})
	if err != nil {
		t.Fatalf("start PgBouncer (`make test` installs it): %v", err)
	}
	t.Cleanup(func() {
		if err := bouncer.Stop(); err != nil {
			t.Error(err)
		}
	})
	return bouncer
}

// update finishes appointments through a pooler, on a connection of its own. Every second one in a transaction with more.
func update(ctx context.Context, url string, ids []int) (err error) {
	conn, err := pgx.Connect(ctx, url+"&default_query_exec_mode=exec")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for _, id := range ids {
		if id%2 == 0 {
			_, err = conn.Exec(ctx, `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, id)
		} else {
			err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, `UPDATE appointments SET "statusId" = 3 WHERE id = $1`, id); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, id)
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func TestADaemonAndItsClinicBehindPgBouncer(t *testing.T) {
	const writers, each = 8, 25
	db, bouncer := clinic(t), bounce(t)
	book(db, 1, 1, writers*each)
	p := serveReady(t, db, "--database-url", bouncer.URL(pgtest.Runtime, db.Name), "--direct-url", db.URL(pgtest.Runtime), "--max-connections", "1000")
	screen, welcome := join(t, p.addr, "1", "")

	var group sync.WaitGroup
	for w := range writers {
		ids := make([]int, each)
		for i := range ids {
			ids[i] = 1 + w*each + i
		}
		group.Go(func() {
			if err := update(t.Context(), bouncer.URL(pgtest.App, db.Name), ids); err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
		})
	}
	var order []int
	seen := map[int]bool{}
	for range writers * each {
		event := screen.event()
		if !strings.Contains(string(event.Data), `"procedures"`) {
			t.Fatalf("the appointment was not loaded: %s", event.Data)
		}
		id := appointmentID(t, event)
		if seen[id] {
			t.Fatalf("appointment %d came twice", id)
		}
		seen[id] = true
		order = append(order, id)
	}
	group.Wait()

	for range 10 { // replays
		back, _ := join(t, p.addr, "1", "?cursor="+welcome.Cursor)
		for i, want := range order {
			if got := appointmentID(t, back.event()); got != want {
				t.Fatalf("event %d of a replay is of appointment %d, want %d", i, got, want)
			}
		}
	}
	p.awaitMetric(`notifier_releases_total{outcome="released"} 1`)
	p.poll("/metrics", func(_ int, body string) bool {
		return strings.Contains(body, "notifier_bells_total{outcome=\"ok\"} ") && strings.Contains(body, "\nnotifier_listener_up 1\n")
	})
	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	p.assertUntroubled()
}

// assertUntroubled fails for every log line that is a warning or worse.
func (p *process) assertUntroubled() {
	p.t.Helper()
	p.logs.mu.Lock()
	defer p.logs.mu.Unlock()
	for _, line := range p.logs.lines {
		if line["level"] != "INFO" && line["level"] != "DEBUG" {
			p.t.Errorf("log: %v", line)
		}
	}
}

func TestADaemonWithoutADirectURLBehindPgBouncer(t *testing.T) {
	db, bouncer := clinic(t), bounce(t)
	book(db, 1, 1, 20)
	p := serve(t, db, "--database-url", bouncer.URL(pgtest.Runtime, db.Name))
	p.logs.await(t, "feed_open")
	screen, _ := join(t, p.addr, "1", "")
	finish(db, 1)
	if got := appointmentID(t, screen.event()); got != 1 { // it need not know yet that it is deaf
		t.Errorf("got appointment %d, want 1", got)
	}
	line := p.logs.await(t, "listener_deaf")
	if text := fmt.Sprint(line["error"]); line["level"] != "WARN" || !strings.Contains(text, "--direct-url") {
		t.Errorf("log: %v, want a warning that names the remedy", line)
	}
	for id := 2; id <= 20; id++ {
		finish(db, id)
		if got := appointmentID(t, screen.event()); got != id {
			t.Errorf("got appointment %d, want %d", got, id)
		}
	}
	if status, body := p.get("/readyz"); status != 200 || !strings.Contains(body, `"listener":false`) {
		t.Errorf("/readyz says %d %s, want it ready, and no listener", status, body)
	}
	p.awaitMetric("notifier_listener_up 0")
}

// An application that prepares its transactions needs the bell off; its events are found by the poll.
func TestTwoPhaseCommit(t *testing.T) {
	db := clinic(t)
	book(db, 1, 1, 2)
	p := serveReady(t, db)
	screen, _ := join(t, p.addr, "1", "")
	app := db.Connect(pgtest.App)
	prepare := func(name string, id int) error {
		_, err := app.Exec(t.Context(), fmt.Sprintf(`BEGIN; UPDATE appointments SET "statusId" = 5 WHERE id = %d; PREPARE TRANSACTION '%s'`, id, name))
		return err
	}

	// With the bell on PostgreSQL refuses, and the application knows that nothing was done.
	var refused *pgconn.PgError
	if err := prepare("with the bell on", 1); !errors.As(err, &refused) || refused.Code != "0A000" {
		t.Fatalf("PREPARE TRANSACTION with the bell on: %v, want feature_not_supported", err)
	}
	if _, err := app.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if status := pgtest.Get[int](db, `SELECT "statusId" FROM appointments WHERE id = 1`); status != 2 {
		t.Errorf("the appointment's status is %d, want it as it was", status)
	}

	if out, err := run(t, "migrate", "up", "--bell=off", "--database-url", db.URL(pgtest.Owner)); err != nil {
		t.Fatalf("migrate up --bell=off: %v: %s", err, out)
	}
	if err := prepare("with the bell off", 2); err != nil {
		t.Fatal(err)
	}
	if staged := pgtest.Get[int](db, `SELECT count(*) FROM notifier.staging`) + pgtest.Get[int](db, `SELECT count(*) FROM notifier.event`); staged != 0 {
		t.Errorf("%d events of a transaction that is only prepared", staged)
	}
	if _, err := app.Exec(t.Context(), "COMMIT PREPARED 'with the bell off'"); err != nil {
		t.Fatal(err)
	}
	if got := appointmentID(t, screen.event()); got != 2 {
		t.Errorf("got appointment %d, want 2", got)
	}
	p.awaitMetric(`notifier_releases_total{outcome="released"} 1`)
}
