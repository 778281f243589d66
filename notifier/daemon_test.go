package notifier

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"notifier/sql/pgtest"
)

// daemon is what cmd wires together, on recording rooms.
type daemon struct {
	t        testing.TB
	pool     *pgxpool.Pool
	rooms    *rooms
	loader   *Loader
	replays  *Log
	releaser *Releaser
	feed     *Feed
	listener *Listener
	metrics  *meter
	lines    *lines
	stop     func() // ends it and waits; may be called twice
}

// serving says how a daemon is run. The zero value: 50 ms poll, listener on, no screens.
type serve struct {
	url      string // instead of the clinic's
	poll     time.Duration
	eager    time.Duration // no sooner after an event
	deaf     bool          // no listener
	accounts []string
}

// serve runs a daemon until the test ends, and waits until its rooms are open.
func (c *clinic) serve(s serve) *daemon {
	c.t.Helper()
	if s.url == "" {
		s.url = runtimeURL(c.t, c.db.URL(pgtest.Runtime))
	}
	d := newDaemon(c.t, s)
	d.run(!s.deaf)
	d.rooms.awaitOpen(c.t)
	if !s.deaf {
		d.metrics.await(c.t, "listener_up", 1)
	}
	return d
}

func newDaemon(t testing.TB, s serve) *daemon {
	t.Helper()
	if s.poll == 0 {
		s.poll = 50 * time.Millisecond
	}
	pool, err := OpenPool(context.Background(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, pool: pool, rooms: newRooms(s.accounts...), metrics: newMeter(), lines: newLines(t)}
	log := slog.New(slog.NewTextHandler(d.lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.loader = NewLoader(pool, d.metrics, log)
	d.replays = NewLog(pool, d.loader, 1000)
	d.releaser = NewReleaser(pool, d.metrics, log)
	d.feed = NewFeed(pool, d.rooms, d.loader, d.releaser, s.poll, d.metrics, log)
	d.feed.eager = max(eagerPoll, s.eager)
	if d.listener, err = NewListener(s.url, d.feed, d.metrics, log); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *daemon) run(listen bool) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	parts := []func(context.Context) error{d.feed.Run, d.releaser.Run}
	if listen {
		parts = append(parts, d.listener.Run)
	}
	for _, part := range parts {
		group.Go(func() {
			if err := part(ctx); err != nil {
				d.t.Errorf("a part ended with an error: %v", err)
			}
		})
	}
	d.stop = sync.OnceFunc(func() {
		cancel()
		ended := make(chan struct{})
		go func() { group.Wait(); d.pool.Close(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(patience):
			d.t.Errorf("the daemon did not end within %v", patience)
		}
	})
	d.t.Cleanup(d.stop)
}

// lines are a daemon's log, at debug level. Every line is searched for what no log may have.
type lines struct {
	t    testing.TB
	mu   sync.Mutex
	text []string
}

func newLines(t testing.TB) *lines { return &lines{t: t} }

// secrets are the pieces of patients' data and passwords that this package's tests use.
var secrets = []string{
	"Sigilosa", "98888-7777", "reservada", dsnPassword, "João", "99999-9999", "Observa", "Tireoide", "Dr. ",
}

func secretIn(line string) (string, bool) {
	for _, secret := range secrets {
		if strings.Contains(line, secret) {
			return secret, true
		}
	}
	return "", false
}

func (l *lines) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if secret, found := secretIn(text); found {
		l.t.Errorf("log line with %q: %s", secret, text)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, text)
	return len(line), nil
}

// with returns the lines of one message.
func (l *lines) with(message string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.text {
		if strings.Contains(line, "msg="+message+" ") || strings.HasSuffix(line, "msg="+message) {
			found = append(found, line)
		}
	}
	return found
}

// meter counts what happens, by name.
type meter struct {
	mu      sync.Mutex
	changed chan struct{}
	counts  map[string]int
}

func newMeter() *meter { return &meter{changed: make(chan struct{}), counts: map[string]int{}} }

func (m *meter) add(name string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[name] += n
	close(m.changed)
	m.changed = make(chan struct{})
}

// set is for what is no count: the value that a gauge has now.
func (m *meter) set(name string, value int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[name] = value
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *meter) count(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[name]
}

func (m *meter) await(t testing.TB, name string, count int) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		m.mu.Lock()
		got, changed := m.counts[name], m.changed
		m.mu.Unlock()
		if got >= count {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("waited %v for %d %s, got %d", patience, count, name, got)
		}
	}
}

func (m *meter) BellHeard(outcome string) { m.add("bell_"+outcome, 1) }
func (m *meter) ListenerUp(up bool) {
	if up {
		m.add("listener_up", 1)
	} else {
		m.add("listener_down", 1)
	}
}
func (m *meter) ListenerReconnected()               { m.add("listener_reconnected", 1) }
func (m *meter) Pumped(events int, _ time.Duration) { m.add("pumps", 1); m.add("pumped", events) }
func (m *meter) Handled(outcome string)             { m.add("handled_"+outcome, 1) }
func (m *meter) Tombstone()                         { m.add("tombstones", 1) }
func (m *meter) Delay(time.Duration)                { m.add("delays", 1) }
func (m *meter) Released(outcome string)            { m.add("release_"+outcome, 1) }
func (m *meter) Pruned(events int)                  { m.add("prunes", 1); m.add("pruned", events) }
func (m *meter) Staged(rows int, _ time.Duration)   { m.set("staged", rows); m.add("looks", 1) }
func (m *meter) Effects(waiting, failing int) {
	m.set("effects_waiting", waiting)
	m.set("effects_failing", failing)
}
func (m *meter) NotifyQueue(usage float64) { m.set("queue_percent", int(100*usage)) }
func (m *meter) Unseen()                   { m.add("unseen", 1) }
func (m *meter) Peers(daemons int)         { m.set("peers", daemons) }
