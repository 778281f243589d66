package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"notifier/sql/pgtest"
)

// awaitHealth returns when /readyz has this status and exactly these problems and warnings.
func (p *process) awaitHealth(status int, problems, warnings []string) {
	p.t.Helper()
	type coded []struct{ Code, Message string }
	codes := func(all coded) (codes []string) {
		for _, one := range all {
			if one.Message == "" {
				p.t.Errorf("%s says nothing", one.Code)
			}
			codes = append(codes, one.Code)
		}
		return codes
	}
	p.poll("/readyz", func(got int, body string) bool {
		var health struct {
			Ready              bool
			Problems, Warnings coded
		}
		if err := json.Unmarshal([]byte(body), &health); err != nil {
			p.t.Fatalf("%v: %s", err, body)
		}
		return got == status && health.Ready == (status == http.StatusOK) &&
			slices.Equal(codes(health.Problems), problems) && slices.Equal(codes(health.Warnings), warnings)
	})
	if alive, _ := p.get("/livez"); alive != http.StatusOK {
		p.t.Errorf("/livez: %d, want 200", alive)
	}
}

func (p *process) assertLogged(events ...string) {
	p.t.Helper()
	for _, event := range events {
		if n := strings.Count(p.logs.text(), `"msg":"`+event+`"`); n != 1 {
			p.t.Errorf("%s was logged %d times, want once", event, n)
		}
	}
}

func TestAPumpThatSomebodyHoldsIsSaidSoAndGoesOn(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 2)
	p := serveReady(t, db)
	screen, _ := join(t, p.addr, "1", "")
	finish(db, 1)
	screen.event()
	p.awaitMetric("notifier_staging_rows 0")

	holder := db.Connect(pgtest.Superuser)
	if _, err := holder.Exec(context.Background(), `BEGIN; SELECT FROM notifier.head FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	finish(db, 2)
	p.awaitHealth(http.StatusServiceUnavailable, []string{"pump_stuck"}, nil)
	p.awaitMetric("notifier_staging_rows 1")
	line := p.logs.await(t, "pump_stuck")
	if pid, ok := line["held_by_pid"].(float64); !ok || uint32(pid) != holder.PgConn().PID() {
		t.Errorf("held by %v, want %d", line["held_by_pid"], holder.PgConn().PID())
	}
	db.Exec(pgtest.Superuser, line["remedy"].(string))
	if got := appointmentID(t, screen.event()); got != 2 {
		t.Errorf("got appointment %d, want 2", got)
	}
	p.awaitHealth(http.StatusOK, nil, nil)
	p.awaitMetric("notifier_staging_rows 0")
	p.assertLogged("pump_stuck", "pump_recovered")
}

func TestAReleaseThatFailsIsSaidSoAndMakesNobodyUnready(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 1)
	db.Exec(pgtest.Owner, `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'João Silva' USING ERRCODE = '23514'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON doctors FOR EACH ROW EXECUTE FUNCTION refuse()`)
	p := serveReady(t, db)
	screen, _ := join(t, p.addr, "1", "")
	finish(db, 1)
	screen.event()
	p.awaitHealth(http.StatusOK, nil, []string{"release_failing"})
	p.awaitMetric("notifier_effects_waiting 1")
	p.awaitMetric("notifier_effects_failing 1")
	if line := p.logs.await(t, "release_failing"); line["first_problem"] != "23514" {
		t.Errorf("the line says %v, want the SQLSTATE", line)
	}
	db.Exec(pgtest.Owner, `DROP TRIGGER refuse ON doctors`)
	p.awaitHealth(http.StatusOK, nil, nil)
	p.awaitMetric("notifier_effects_failing 0")
	if pgtest.Get[bool](db, `SELECT "isBusy" FROM doctors WHERE id = 1`) {
		t.Error("the doctor is still busy")
	}
	p.assertLogged("release_failing", "release_recovered")
	assertPrivate(t, p.logs.text())
}

// A statement that raises, a table that is locked and a database that is away are three things; and of a database that is
// away nothing is told that may have changed.
func TestWhatKeepsTheLogFromWorkingIsToldApart(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 2)
	p := serveReady(t, db)
	// How full NOTIFY's queue is, is not this test's alone: it is one for all databases of the server.
	p.poll("/metrics", func(_ int, body string) bool { return strings.Contains(body, "\nnotifier_notify_queue_usage ") })
	db.Exec(pgtest.Superuser, `ALTER TABLE notifier.event ADD CONSTRAINT never CHECK (seq < 0) NOT VALID`)
	finish(db, 1)
	p.awaitHealth(http.StatusServiceUnavailable, []string{"log_failing"}, nil)
	p.awaitMetric("notifier_staging_rows 1")
	db.Exec(pgtest.Superuser, `ALTER TABLE notifier.event DROP CONSTRAINT never`)
	p.awaitHealth(http.StatusOK, nil, nil)

	holder := db.Connect(pgtest.Superuser)
	if _, err := holder.Exec(context.Background(), `BEGIN; LOCK TABLE notifier.event IN SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	finish(db, 2)
	p.awaitHealth(http.StatusServiceUnavailable, []string{"pump_stuck"}, nil)
	if _, err := holder.Exec(context.Background(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	p.awaitHealth(http.StatusOK, nil, nil)

	admin := pgtest.Server(t).URL(pgtest.Superuser, "postgres")
	command(t, admin, `ALTER DATABASE `+db.Name+` ALLOW_CONNECTIONS false`)
	command(t, admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '`+db.Name+`'`)
	p.awaitHealth(http.StatusServiceUnavailable, []string{"database_away"}, nil)
	p.poll("/metrics", func(_ int, body string) bool {
		return !strings.Contains(body, "\nnotifier_staging_rows") && !strings.Contains(body, "\nnotifier_notify_queue_usage")
	})
	command(t, admin, `ALTER DATABASE `+db.Name+` ALLOW_CONNECTIONS true`)
	p.awaitHealth(http.StatusOK, nil, nil)
	p.awaitMetric("notifier_staging_rows 0")
}

// command runs a statement where a URL leads.
func command(t *testing.T, url, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
