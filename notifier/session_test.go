package notifier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"notifier/sql/pgbouncer"
	"notifier/sql/pgtest"
)

// bounce puts a PgBouncer in transaction mode before the test server.
func bounce(t *testing.T, connections int) *pgbouncer.Bouncer {
	t.Helper()
	bouncer, err := pgbouncer.Start(t.Context(), pgbouncer.Options{ServerDir: pgtest.Server(t).SocketDir(), PoolSize: connections})
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

func openPool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := OpenPool(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// caches tells whether the connection that the pool gives away prepares statements.
func caches(t *testing.T, pool *pgxpool.Pool) bool {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	return sessionOf(conn.Conn()).caches
}

func TestWhatConnectionsPrepareAndSet(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.super(`ALTER ROLE notifier_runtime IN DATABASE ` + c.db.Name + ` SET enable_seqscan = on`)
	bouncer := bounce(t, 2)
	direct, pooled := c.db.URL(pgtest.Runtime), bouncer.URL(pgtest.Runtime, c.db.Name)
	tests := []struct {
		name, url string
		caches    bool
		seqscan   string
	}{
		{"PostgreSQL", direct, true, "off"},
		{"PostgreSQL, nothing prepared by wish", direct + "&default_query_exec_mode=exec", false, "off"},
		{"PgBouncer", pooled, false, "on"},
		{"PgBouncer, described by wish", pooled + "&default_query_exec_mode=cache_describe", false, "on"},
		{"PgBouncer, prepared by wish", pooled + "&default_query_exec_mode=cache_statement", true, "on"},
	}
	for _, test := range tests {
		pool := openPool(t, test.url)
		if got := caches(t, pool); got != test.caches {
			t.Errorf("%s: prepares %v, want %v", test.name, got, test.caches)
		}
		var seqscan string
		if err := pool.QueryRow(t.Context(), "SHOW enable_seqscan").Scan(&seqscan); err != nil || seqscan != test.seqscan {
			t.Errorf("%s: enable_seqscan is %q, %v, want %q", test.name, seqscan, err, test.seqscan)
		}
	}
}

// Where nothing can be set the role's own settings hold, which migrate has made.
func TestTheRolesSettingsBehindAPooler(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.super(`ALTER DATABASE ` + c.db.Name + ` SET default_transaction_isolation = 'repeatable read';
		ALTER DATABASE ` + c.db.Name + ` SET enable_seqscan = on; ALTER DATABASE ` + c.db.Name + ` SET jit = on`)
	pool := openPool(t, bounce(t, 2).URL(pgtest.Runtime, c.db.Name))
	for setting, want := range map[string]string{"transaction_isolation": "read committed", "enable_seqscan": "off", "jit": "off"} {
		var got string
		if err := pool.QueryRow(t.Context(), "SHOW "+setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", setting, got, err, want)
		}
	}
}

// Some poolers pass the pid of a backend on to the client: they are found by what becomes of a prepared statement.
func TestAPoolerThatIsFoundByItsErrors(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"26000", "42P05"} {
		pool := openPool(t, newClinic(t).db.URL(pgtest.Runtime))
		if !caches(t, pool) {
			t.Fatal("nothing is prepared")
		}
		if _, err := pool.Exec(t.Context(), `DO $$ BEGIN RAISE 'a statement' USING ERRCODE = '`+code+`'; END $$`); sqlState(err) != code {
			t.Fatal(err)
		}
		if caches(t, pool) {
			t.Errorf("%s: statements are still prepared", code)
		}
	}
}

// Two backends for all: each statement meets another one than the statement before.
func TestAllOfADaemonBehindAPooler(t *testing.T) {
	t.Parallel()
	const rounds = 20
	c := newClinic(t)
	c.exec(`UPDATE doctors SET "isBusy" = true`)
	d := c.serve(serve{url: bounce(t, 2).URL(pgtest.Runtime, c.db.Name), deaf: true, accounts: []string{"1", "2"}})
	retention := NewRetention(d.pool, time.Hour, d.metrics, d.loader.log)
	for range rounds {
		c.finish(1)
		c.finish(2)
		if _, err := retention.prune(t.Context()); err != nil {
			t.Error(err)
		}
	}
	published := d.rooms.awaitEvents(t, 2*rounds)
	checkOrder(t, published, 1)
	for _, p := range published {
		if isTombstone([]byte(p.data)) {
			t.Errorf("%s has no data", p.id)
		}
	}
	eventually(t, "the doctors to be free", func() bool { return !c.busy(1) && !c.busy(2) })

	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			replayed := 0
			recovered, err := d.replays.Replay(context.Background(), "1", "1-0", 2*rounds, func(string, int64, string, []byte) { replayed++ })
			if err != nil || !recovered || replayed != rounds {
				t.Errorf("recovered %v with %d events, %v", recovered, replayed, err)
			}
		})
	}
	group.Wait()
	if failed := d.lines.with("feed_failed"); len(failed) != 0 {
		t.Errorf("log: %v", failed)
	}
	if caches(t, d.pool) {
		t.Error("statements are prepared")
	}
}

// The settings that keep a load from waiting hold before PostgreSQL looks at the view, whose lock it needs for that.
func TestLoadBehindAPoolerDoesNotWait(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, finished)
	d := newDaemon(t, serve{url: bounce(t, 2).URL(pgtest.Runtime, c.db.Name)})
	t.Cleanup(d.pool.Close)
	load := func() (tombstone bool) {
		t.Helper()
		data, err := d.loader.Load(t.Context(), []Event{eventOf(id, 1)})
		if err != nil {
			t.Fatal(err)
		}
		return isTombstone(data[0])
	}
	unlock := c.lock("doctors")
	for try := range 3 {
		if !load() {
			t.Errorf("try %d: not a tombstone though doctors is locked", try)
		}
	}
	unlock()
	for try := range 3 {
		if load() {
			t.Errorf("try %d: a tombstone after the lock", try)
		}
	}
	if lines := strings.Join(d.lines.with("appointments_not_loaded"), "\n"); strings.Count(lines, "problem=55P03") != 3 {
		t.Errorf("log: %s", lines)
	}
	if left := backendSetting(t, d.pool, "lock_timeout"); left != "0" {
		t.Errorf("lock_timeout %s was left behind on a backend", left)
	}
}

func backendSetting(t *testing.T, pool *pgxpool.Pool, name string) (value string) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), "SHOW "+name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// A commit that takes seconds is cut once, not again and again.
func TestSlowCommitsAreWaitedFor(t *testing.T) {
	t.Parallel()
	pool := openPool(t, newClinic(t).db.URL(pgtest.Runtime))
	var limit timeLimit
	take := func(d time.Duration) error {
		return limit.run(t.Context(), pool, func(ctx context.Context, conn *pgxpool.Conn) error {
			_, err := conn.Exec(ctx, fmt.Sprintf("SELECT pg_sleep(%f)", d.Seconds()))
			return err
		})
	}
	const slow = queryTimeout + 200*time.Millisecond
	if err := take(slow); err == nil {
		t.Error("nothing is cut")
	}
	if err := take(slow); err != nil {
		t.Errorf("cut twice: %v", err)
	}
	if err := take(0); err != nil {
		t.Error(err)
	}
	if limit.long.Load() {
		t.Error("the limit stays long though commits are quick again")
	}
}

// PgBouncer 1.18 may serve nobody any more after requests to cancel that came late.
func TestBehindAPoolerNothingIsCancelled(t *testing.T) {
	t.Parallel()
	dials := 0
	w := wire{pooled: new(atomic.Bool), dialer: func(context.Context, string, string) (net.Conn, error) {
		dials++
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close() }) // the end of a pipe
		return near, nil
	}}
	for range 2 { // two hosts, or with TLS and without
		if _, err := w.dial(t.Context(), "tcp", "h:1"); err != nil {
			t.Fatal(err)
		}
	}
	w.up.Store(true)
	if _, err := w.dial(t.Context(), "tcp", "h:1"); err != nil || dials != 3 {
		t.Errorf("a request to cancel without a pooler: %v", err)
	}
	w.pooled.Store(true)
	if _, err := w.dial(t.Context(), "tcp", "h:1"); !errors.Is(err, errNoCancel) || dials != 3 {
		t.Errorf("a request to cancel behind a pooler: %v", err)
	}
	w.cut()
}
