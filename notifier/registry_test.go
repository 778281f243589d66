package notifier

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

// enlisted is a registry that runs.
type enlisted struct {
	*Registry
	metrics *meter
	lines   *lines
	leave   func() // ends it and waits; may be called twice
}

// enlist runs the registry of a daemon on a pool of its own.
func (c *clinic) enlist(t testing.TB, id string) *enlisted {
	t.Helper()
	pool, err := OpenPool(context.Background(), runtimeURL(t, c.db.URL(pgtest.Runtime)))
	if err != nil {
		t.Fatal(err)
	}
	e := &enlisted{metrics: newMeter(), lines: newLines(t)}
	self := Daemon{ID: id, Certificate: []byte("certificate of " + id), Version: "v1"}
	log := slog.New(slog.NewTextHandler(e.lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e.Registry = NewRegistry(pool, self, func(net.Addr) string { return "127.0.0.1:1" + id }, e.metrics, log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	e.leave = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("registry ended with %v", err)
		}
		pool.Close()
	})
	t.Cleanup(e.leave)
	return e
}

func (c *clinic) listed(id string) bool {
	return pgtest.Get[bool](c.db, `SELECT EXISTS (SELECT FROM notifier.daemon WHERE id = $1)`, id)
}

func TestDaemonsFindEachOther(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	one := c.enlist(t, "1")
	eventually(t, "the first", func() bool { return c.listed("1") })
	if _, found := one.Find(t.Context(), "2"); found {
		t.Error("found nobody")
	}
	two := c.enlist(t, "2")
	eventually(t, "the second", func() bool { return c.listed("2") })
	got, found := one.Find(t.Context(), "2") // long before its picture is renewed
	if !found || got.Address != "127.0.0.1:12" || string(got.Certificate) != "certificate of 2" || got.Version != "v1" || got.StartedAt.IsZero() {
		t.Errorf("%+v, %v", got, found)
	}
	one.metrics.await(t, "peers", 1)
	if !two.Lists(t.Context(), []byte("certificate of 1")) {
		t.Error("the first's certificate is not known to the second")
	}
	for _, stranger := range []string{"certificate of 2", "", "certificate of 1 "} { // its own is no other's
		if two.Lists(t.Context(), []byte(stranger)) {
			t.Errorf("it takes %q for a daemon's", stranger)
		}
	}
	two.leave()
	if c.listed("2") {
		t.Error("a daemon that has ended is listed")
	}
	if !one.Gone(t.Context(), "2") || one.Lists(t.Context(), []byte("certificate of 2")) {
		t.Error("it is still taken for one that runs")
	}
	if got := len(one.lines.with("peers_changed")); got != 2 {
		t.Errorf("%d lines about two changes", got)
	}
}

func TestAskingForWhoDoesNotExistIsOneLookASecond(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	one := c.enlist(t, "1")
	eventually(t, "it", func() bool { return c.listed("1") })
	began := time.Now()
	before := one.pool.Stat().AcquireCount()
	var strangers sync.WaitGroup
	for i := range 300 {
		strangers.Go(func() {
			for range 2 {
				if _, found := one.Find(t.Context(), fmt.Sprint("made up ", i)); found {
					t.Error("found")
				}
			}
		})
	}
	strangers.Wait()
	took := time.Since(began)
	asked := one.pool.Stat().AcquireCount() - before
	if most := 3 + 2*int64(took/lookInterval); asked > most { // looks, and saying that it runs
		t.Errorf("the database was asked %d times in %v, for 600 questions", asked, took)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	one.Find(gone, "who does not wait")
}

func TestWhoIsAwayForAMinuteIsRemovedByTheOthers(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	enlist := func(id string) {
		c.db.Exec(pgtest.Runtime, `SELECT notifier.enlist($1, '127.0.0.1:1', $2, 'v1')`, id, []byte(id))
	}
	age := func(interval string, ids string) {
		c.super(`UPDATE notifier.daemon SET seen_at = clock_timestamp() - interval '` + interval + `' WHERE id IN (` + ids + `)`)
	}
	enlist("1")
	enlist("2")
	age("59 s", "'2'")
	enlist("1")
	if !c.listed("2") {
		t.Error("removed before its minute")
	}
	age("61 s", "'2'")
	enlist("1")
	if c.listed("2") {
		t.Error("it stays")
	}
	// The database was away: nobody could come.
	enlist("2")
	age("10 min", "'1', '2'")
	enlist("1")
	if !c.listed("2") {
		t.Error("removed because the database was away")
	}
	enlist("2")
	enlist("1")
	if !c.listed("2") {
		t.Error("removed though it is back")
	}
	enlist("3") // a newcomer judges nobody
	age("10 min", "'1', '2'")
	c.super(`DELETE FROM notifier.daemon WHERE id = '3'`)
	enlist("3")
	if !c.listed("1") || !c.listed("2") {
		t.Error("removed by a newcomer")
	}
}

func TestAnIDKeepsItsCertificate(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	conn := c.db.Connect(pgtest.Runtime)
	enlist := `SELECT notifier.enlist('1', $1, $2, 'v1')`
	if _, err := conn.Exec(t.Context(), enlist, "127.0.0.1:1", []byte("mine")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), enlist, "127.0.0.1:2", []byte("another")); sqlState(err) != "23505" {
		t.Errorf("got %v", err)
	}
	if _, err := conn.Exec(t.Context(), enlist, "127.0.0.1:3", []byte("mine")); err != nil {
		t.Error(err)
	}
	if got := pgtest.Get[string](c.db, `SELECT address || ' ' || encode(certificate, 'escape') FROM notifier.daemon`); got != "127.0.0.1:3 mine" {
		t.Errorf("got %s", got)
	}
}

func TestThePictureStaysWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	one := c.enlist(t, "1")
	c.enlist(t, "2")
	if _, found := one.Find(t.Context(), "2"); !found {
		eventually(t, "the second", func() bool { return c.listed("2") })
	}
	if _, found := one.Find(t.Context(), "2"); !found {
		t.Fatal("not found")
	}
	c.refuse()
	if _, found := one.Find(t.Context(), "2"); !found {
		t.Error("forgotten")
	}
	if one.Gone(t.Context(), "2") {
		t.Error("taken for gone")
	}
	c.accept()
}

func TestARegistryThatIsNotMigratedSaysSo(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.super(`DROP FUNCTION notifier.enlist(text, text, bytea, text, text[])`)
	one := c.enlist(t, "1")
	eventually(t, "it to say so", func() bool { return len(one.lines.with("registry_failed")) == 1 })
	if line := one.lines.with("registry_failed")[0]; !strings.Contains(line, "42883") {
		t.Errorf("without the SQLSTATE: %s", line)
	}
}

// A standby says who is there, and takes no newcomers. That is no trouble of this daemon's.
func TestARegistryOnADatabaseThatTakesNoWrites(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.enlist(t, "1")
	eventually(t, "the first", func() bool { return c.listed("1") })
	c.super(`ALTER DATABASE ` + c.db.Name + ` SET default_transaction_read_only = on`)
	two := c.enlist(t, "2")
	if _, found := two.Find(t.Context(), "1"); !found {
		t.Error("the first is not found")
	}
	two.leave()
	if c.listed("2") || len(two.lines.with("registry_failed")) != 0 {
		t.Errorf("listed, or a line: %v", two.lines.with("registry_failed"))
	}
}
