package notifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

// ears are a listener that hears well, or whatever else a test says.
type ears struct{ down atomic.Pointer[outage] }

func (e *ears) Err() error {
	if down := e.down.Load(); down != nil {
		return down.err
	}
	return nil
}

func (e *ears) DownSince() time.Time {
	if down := e.down.Load(); down != nil {
		return down.since
	}
	return time.Time{}
}

// watch runs a Watch over a daemon until the test ends. It looks often and has little patience, unless changes say otherwise.
func (d *daemon) watch(ears Ears, changes ...func(*Watch)) *Watch {
	d.t.Helper()
	w := NewWatch(d.pool, d.feed, ears, d.metrics, slog.New(slog.NewTextHandler(d.lines, nil)))
	w.every, w.overdue, w.downFor = 20*time.Millisecond, 4*releaseInterval, 300*time.Millisecond
	w.pumping.patience, w.stall.patience = 300*time.Millisecond, 300*time.Millisecond
	for _, change := range changes {
		change(w)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := w.Run(ctx); err != nil {
			d.t.Errorf("the watch ended with %v", err)
		}
	})
	d.t.Cleanup(func() { cancel(); group.Wait() })
	return w
}

func codes(w *Watch) (codes []string) {
	for _, trouble := range w.Troubles() {
		codes = append(codes, trouble.Code)
	}
	return codes
}

// awaitTroubles returns when the watch tells exactly these.
func (d *daemon) awaitTroubles(w *Watch, want ...string) {
	d.t.Helper()
	eventually(d.t, fmt.Sprintf("the troubles to be %v", want), func() bool { return slices.Equal(codes(w), want) })
}

// awaitLooks returns after some more looks that told something.
func (d *daemon) awaitLooks() {
	d.t.Helper()
	d.metrics.await(d.t, "looks", d.metrics.count("looks")+5)
}

// awaitLine returns the one line of an event; there must not be another.
func (d *daemon) awaitLine(event string) string {
	d.t.Helper()
	eventually(d.t, "the line "+event, func() bool { return len(d.lines.with(event)) > 0 })
	return d.onlyLine(event)
}

func (d *daemon) onlyLine(event string) string {
	d.t.Helper()
	lines := d.lines.with(event)
	if len(lines) != 1 {
		d.t.Fatalf("%d lines of %s, want one: %v", len(lines), event, lines)
	}
	return lines[0]
}

// The line that says who holds the log's row says what ends it, too.
func TestAPumpThatIsHeld(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	w := d.watch(&ears{})
	d.awaitLooks()
	holder := c.db.Connect(pgtest.Superuser)
	if _, err := holder.Exec(context.Background(), `SET application_name = 'somebody''s psql'; BEGIN; SELECT FROM notifier.head FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	c.finish(1)
	d.awaitTroubles(w, PumpStuck)
	d.awaitLooks()
	line := d.onlyLine("pump_stuck")
	for _, want := range []string{
		"level=WARN", " staged=1 ", fmt.Sprintf("held_by_pid=%d ", holder.PgConn().PID()), "held_by_role=postgres ", `held_by_application="somebody's psql"`,
	} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	if got := d.metrics.count("staged"); got != 1 {
		t.Errorf("%d rows are staged, want 1", got)
	}
	if err := d.feed.Err(); err != nil {
		t.Errorf("the feed says %v", err)
	}
	remedy := regexp.MustCompile(`remedy="(SELECT [^"]+)"`).FindStringSubmatch(line)
	if remedy == nil {
		t.Fatalf("no remedy in %s", line)
	}
	c.super(remedy[1])
	d.awaitTroubles(w)
	d.rooms.awaitEvents(t, 1)
	if line := d.awaitLine("pump_recovered"); !strings.Contains(line, "level=INFO") || !strings.Contains(line, "lasted=") {
		t.Errorf("got %s", line)
	}
	d.onlyLine("pump_stuck")
}

// A lock on a table lets the pump wait instead of passing by, and may keep out the watch itself.
func TestATableOfTheLogThatIsLocked(t *testing.T) {
	t.Parallel()
	for _, lock := range []string{"notifier.event IN SHARE MODE", "notifier.head IN ACCESS EXCLUSIVE MODE"} {
		t.Run(lock, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			d := c.serve(serve{accounts: []string{"1"}})
			holder := c.db.Connect(pgtest.Superuser)
			if _, err := holder.Exec(context.Background(), "BEGIN; LOCK TABLE "+lock); err != nil {
				t.Fatal(err)
			}
			c.finish(1)
			eventually(t, "the feed to run out of time", func() bool { return d.feed.Err() != nil })
			w := d.watch(&ears{})
			d.awaitTroubles(w, PumpStuck)
			if line := d.awaitLine("pump_stuck"); !strings.Contains(line, fmt.Sprintf("held_by_pid=%d ", holder.PgConn().PID())) {
				t.Errorf("pid %d is not in %s", holder.PgConn().PID(), line)
			}
			if _, err := holder.Exec(context.Background(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
			d.rooms.awaitEvents(t, 1)
			d.awaitTroubles(w)
			d.awaitLine("pump_recovered")
			d.onlyLine("pump_stuck")
		})
	}
}

func TestABacklogThatIsNotWorkedOff(t *testing.T) {
	t.Parallel()
	const count = 20_000
	c := newClinic(t)
	c.super(`CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.25); RETURN NULL; END $$;
		CREATE TRIGGER slowly AFTER INSERT ON notifier.event FOR EACH STATEMENT EXECUTE FUNCTION slowly()`)
	d := c.serve(serve{})
	w := d.watch(&ears{}, func(w *Watch) { w.pumping.patience = 1500 * time.Millisecond }) // a pump takes a quarter of a second
	d.awaitLooks()
	c.super(fmt.Sprintf(`INSERT INTO notifier.staging (appointment_id, account_id, status, event, releases_doctor, changed_at)
		SELECT n, 1, 'FINALIZADO', 'appointmnents.finished', false, clock_timestamp() - interval '1 hour' FROM generate_series(1, %d) AS n`, count))
	d.awaitTroubles(w, StagingGrowing)
	line := d.awaitLine("staging_growing")
	if !strings.Contains(line, "oldest=1h0m") {
		t.Errorf("the age of the oldest is not in %s", line)
	}
	d.rooms.awaitSettled(t, count)
	d.awaitTroubles(w)
	d.awaitLine("staging_recovered")
	d.onlyLine("staging_growing")
	if lines := d.lines.with("pump_stuck"); len(lines) != 0 {
		t.Errorf("it moved all the time, and was told to be stuck: %v", lines)
	}
}

func TestAReleaseThatCannotBeApplied(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, problem, obstacle, removal string }{
		{"a trigger on doctors raises", "P0001",
			`CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'Maria Sigilosa'; END $$;
			CREATE TRIGGER no BEFORE UPDATE ON doctors FOR EACH ROW EXECUTE FUNCTION no()`, `DROP TRIGGER no ON doctors`},
		{"somebody holds the doctor", "untried", `BEGIN; UPDATE doctors SET name = name WHERE id = 1`, `COMMIT`},
		{"nobody may write doctors", "55P03", `BEGIN; LOCK TABLE doctors IN SHARE MODE`, `COMMIT`},
		{"nobody may lock a doctor", "untried", `BEGIN; LOCK TABLE doctors IN EXCLUSIVE MODE`, `COMMIT`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			d := c.serve(serve{accounts: []string{"1"}})
			w := d.watch(&ears{})
			c.exec(`UPDATE doctors SET "isBusy" = true WHERE id = 1`)
			id := c.book(1, booked)
			somebody := c.db.Connect(pgtest.Superuser)
			if _, err := somebody.Exec(context.Background(), test.obstacle); err != nil {
				t.Fatal(err)
			}
			c.set(id, finished)
			d.awaitTroubles(w, ReleaseFailing)
			d.rooms.awaitEvents(t, 1)
			d.awaitLooks()
			line := d.onlyLine("release_failing")
			for _, want := range []string{"level=WARN", "effects=1 ", "first_seq=1 ", "first_problem=" + test.problem} {
				if !strings.Contains(line, want) {
					t.Errorf("no %s in %s", want, line)
				}
			}
			if waiting, failing := d.metrics.count("effects_waiting"), d.metrics.count("effects_failing"); waiting != 1 || failing != 1 {
				t.Errorf("%d effects wait, %d fail, want one", waiting, failing)
			}
			if _, err := somebody.Exec(context.Background(), test.removal); err != nil {
				t.Fatal(err)
			}
			d.awaitTroubles(w)
			d.awaitLine("release_recovered")
			d.onlyLine("release_failing")
			if c.busy(1) || d.metrics.count("effects_waiting") != 0 {
				t.Error("the doctor is busy, or the effect waits still")
			}
		})
	}
}

// A doctor who serves somebody is no trouble, however long it takes.
func TestAReleaseThatWaitsForADoctor(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{})
	w := d.watch(&ears{})
	c.book(1, serving)
	c.finish(1)
	eventually(t, "the effect to be guarded", func() bool {
		return pgtest.Get[int](c.db, `SELECT count(*) FROM notifier.effect WHERE problem = 'guarded'`) == 1
	})
	for range 10 {
		d.awaitLooks()
	}
	if waiting, failing := d.metrics.count("effects_waiting"), d.metrics.count("effects_failing"); waiting != 1 || failing != 0 {
		t.Errorf("%d effects wait, %d fail, want one that waits", waiting, failing)
	}
	if got := w.Troubles(); len(got) != 0 {
		t.Errorf("told %v", got)
	}
}

// What the feed can say for itself is not said twice.
func TestAStatementOfTheLogThatRaises(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	w := d.watch(&ears{})
	c.super(`ALTER TABLE notifier.event ADD CONSTRAINT never CHECK (seq < 0) NOT VALID`)
	c.finish(1)
	var coded interface{ Code() string }
	eventually(t, "the feed to fail", func() bool { return errors.As(d.feed.Err(), &coded) })
	if coded.Code() != LogFailing || sqlState(d.feed.Err()) != "23514" || strings.Contains(d.feed.Err().Error(), "never") {
		t.Errorf("code %s, error %v", coded.Code(), d.feed.Err())
	}
	for range 10 {
		d.awaitLooks()
	}
	if got := d.metrics.count("staged"); got != 1 {
		t.Errorf("%d rows are staged, want 1", got)
	}
	if line := d.onlyLine("feed_failed"); !strings.Contains(line, "kind=23514") {
		t.Errorf("no SQLSTATE in %s", line)
	}
	c.super(`ALTER TABLE notifier.event DROP CONSTRAINT never`)
	d.rooms.awaitEvents(t, 1)
	d.awaitLine("feed_recovered")
	d.awaitLooks()
	if got, lines := w.Troubles(), d.lines.with("pump_stuck"); len(got)+len(lines) != 0 {
		t.Errorf("told %v, %v", got, lines)
	}
}

func TestAListenerThatIsDown(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := newDaemon(t, serve{url: runtimeURL(t, c.db.URL(pgtest.Runtime)), accounts: []string{"1"}})
	role := "ears_" + c.db.Name
	c.super(`CREATE ROLE ` + role + ` LOGIN`)
	var err error
	if d.listener, err = NewListener(c.db.URL(role), d.feed, d.metrics, slog.New(slog.NewTextHandler(d.lines, nil))); err != nil {
		t.Fatal(err)
	}
	d.run(true)
	w := d.watch(d.listener)
	eventually(t, "the bells to be heard", d.listener.Up)
	c.super(`ALTER ROLE ` + role + ` NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '` + role + `'`)
	d.awaitTroubles(w, ListenerDown)
	c.finish(1)
	d.rooms.awaitEvents(t, 1)
	d.awaitLooks()
	d.onlyLine("listener_down")
	c.super(`ALTER ROLE ` + role + ` LOGIN`)
	d.awaitTroubles(w)
	d.awaitLine("listener_recovered")
	d.onlyLine("listener_down")
}

func TestWhatTheListenerSays(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{deaf: true})
	heard := &ears{}
	w := d.watch(heard)
	heard.down.Store(&outage{errNotStarted, time.Now().Add(time.Hour)})
	d.awaitLooks()
	if got := w.Troubles(); len(got) != 0 {
		t.Errorf("within the grace: %v", got)
	}
	heard.down.Store(&outage{fmt.Errorf("listen: %w", ErrDeaf), time.Now()})
	d.awaitTroubles(w, ListenerDeaf)
	heard.down.Store(nil)
	d.awaitTroubles(w)
	for _, event := range []string{"listener_down", "listener_deaf", "listener_recovered"} {
		if lines := d.lines.with(event); len(lines) != 0 {
			t.Errorf("the listener's own line is told twice: %v", lines)
		}
	}
}

// Half a queue is four gigabytes: another function says how full it is.
func TestAFullNotifyQueue(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.disguise(`CREATE TABLE disguise.queue AS SELECT 0.0::float8 AS usage; GRANT SELECT ON disguise.queue TO PUBLIC;
		CREATE FUNCTION pg_notification_queue_usage() RETURNS float8 LANGUAGE sql AS $$ SELECT usage FROM disguise.queue $$`)
	d := c.serve(serve{})
	w := d.watch(&ears{})
	d.awaitLooks()
	c.super(`UPDATE disguise.queue SET usage = 0.75`)
	d.awaitTroubles(w, NotifyQueueFull)
	d.awaitLooks()
	if line := d.onlyLine("notify_queue_full"); !strings.Contains(line, "usage=0.75") {
		t.Errorf("got %s", line)
	}
	if got := d.metrics.count("queue_percent"); got != 75 {
		t.Errorf("the gauge says %d %%, want 75", got)
	}
	c.super(`UPDATE disguise.queue SET usage = 0.1`)
	d.awaitTroubles(w)
	d.awaitLine("notify_queue_recovered")
}
