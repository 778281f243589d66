package notifier

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

// bells is a Waker that counts.
type bells struct {
	wakes     atomic.Int64
	announced chan int64
}

func newBells() *bells { return &bells{announced: make(chan int64, 100)} }

func (b *bells) Wake()              { b.wakes.Add(1) }
func (b *bells) Announce(seq int64) { b.announced <- seq }

// listen runs a listener alone until the test ends.
func listen(t *testing.T, url string, change func(*Listener)) (*Listener, *bells, *meter, *lines) {
	t.Helper()
	heard, metrics, lines := newBells(), newMeter(), newLines(t)
	l, err := NewListener(url, heard, metrics, slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	change(l)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil || l.Up() {
			t.Errorf("ended with %v, up %v", err, l.Up())
		}
	})
	return l, heard, metrics, lines
}

func TestGarbageOnTheChannels(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	const rounds = 50
	garbage := []struct{ channel, payload string }{
		{BellChannel, ""},
		{BellChannel, strings.Repeat("x", 7999)},
		{BellChannel, patientName + "\x01\x7f\U0010FFFF"},
		{BellChannel, `{"v":2,"appointmentId":1,"accountId":1,"doctorId":1,"action":"FINALIZADO"}`},
		{BellChannel, `{"v":1,"appointmentId":1,"accountId":1,"doctorId":1,"action":"FINALIZADO","patient":"` + patientName + `"}`},
		{BellChannel, `42`},
		{EventChannel, ""},
		{EventChannel, phoneNumber},
		{EventChannel, `99999999999999999999`},
		{EventChannel, `1.5`},
	}
	for range rounds {
		for _, g := range garbage {
			c.exec(`SELECT pg_notify($1, $2)`, g.channel, g.payload)
		}
		// Well formed and untrue: nothing happens but a look.
		c.exec(`SELECT pg_notify('notifier_event', '9223372036854775807'), pg_notify('notifier_event', '-5')`)
		c.exec(`SELECT pg_notify('notifier_bell', '{"v":1,"appointmentId":1,"accountId":1,"doctorId":1,"action":"FINALIZADO"}')`)
	}
	d.metrics.await(t, "bell_garbage", rounds*len(garbage))
	d.metrics.await(t, "bell_event", 2*rounds)
	d.metrics.await(t, "bell_ok", rounds)

	c.finish(1)
	if got := d.rooms.awaitEvents(t, 1); got[0].seq != 1 || len(got) != 1 {
		t.Errorf("published %+v", got)
	}
	if got := d.metrics.count("bell_garbage"); got != rounds*len(garbage) {
		t.Errorf("counted %d garbage, want %d", got, rounds*len(garbage))
	}
	if got := d.lines.with("bell_garbage"); len(got) != 4 {
		t.Errorf("%d log lines, want one of each kind: %v", len(got), got)
	}
	if !d.listener.Up() || d.metrics.count("listener_down") != 0 || d.feed.Err() != nil {
		t.Error("garbage has stopped something")
	}
}

func TestListenerHears(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	l, heard, metrics, lines := listen(t, runtimeURL(t, c.db.URL(pgtest.Runtime))+"&pool_max_conns=3", func(*Listener) {})
	metrics.await(t, "listener_up", 1)
	if !l.Up() {
		t.Error("not up")
	}
	c.exec(`SELECT pg_notify('notifier_event', '17')`)
	if got := <-heard.announced; got != 17 {
		t.Errorf("announced %d", got)
	}
	if got := heard.wakes.Load(); got != 1 {
		t.Errorf("woken %d times, want once, to catch up", got)
	}
	c.finish(1)
	metrics.await(t, "bell_ok", 1)
	eventually(t, "the bell to wake", func() bool { return heard.wakes.Load() == 2 })
	if got := lines.with("bell_heard"); len(got) != 1 || !strings.Contains(got[0], "account=1") {
		t.Errorf("log: %v", got)
	}
}

func TestAKilledListener(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}, poll: 10 * time.Minute})
	for round := 1; round <= 3; round++ {
		c.cluster(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'notifier listen'`, c.db.Name)
		// With this poll interval it is the listener's catching up that finds them.
		for range 5 {
			c.finish(1)
		}
		d.rooms.awaitEvents(t, 5*round)
		d.metrics.await(t, "listener_reconnected", round)
	}
	checkOrder(t, d.rooms.awaitEvents(t, 15), 1)
	if !d.listener.Up() {
		t.Error("not up")
	}
	if got := d.lines.with("listener_lost"); len(got) != 1 {
		t.Errorf("%d log lines, want one in a minute: %v", len(got), got)
	}
}

// A link that is silent because nothing crosses it any more looks like one on which nothing happens.
func TestASilentLinkIsFoundByThePing(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	link := newLink(t)
	l, heard, metrics, lines := listen(t, link.url(runtimeURL(t, c.db.URL(pgtest.Runtime))), func(l *Listener) {
		l.pingAfter, l.pingTimeout = 50*time.Millisecond, 500*time.Millisecond
	})
	metrics.await(t, "listener_up", 1)
	link.freeze()
	metrics.await(t, "listener_down", 1)
	c.exec(`SELECT pg_notify('notifier_event', '1')`) // nobody hears this
	link.thaw()
	metrics.await(t, "listener_up", 2)
	eventually(t, "the listener to be up", l.Up)
	eventually(t, "the feed to be woken again", func() bool { return heard.wakes.Load() >= 2 })
	if lost := lines.with("listener_lost"); len(lost) == 0 || !strings.Contains(lost[0], errPingTimeout.Error()) {
		t.Errorf("log: %v", lost)
	}
}

// A pooler in transaction mode answers pings on a session that listens to nothing.
func TestAPoolerThatLosesTheListen(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	conn := c.db.Connect(pgtest.Runtime)
	ctx := context.Background()
	l := &Listener{pingTimeout: patience}
	if err := l.ping(ctx, conn); err != errNotListening { //nolint:errorlint // returned as it is
		t.Errorf("no LISTEN: %v", err)
	}
	if _, err := conn.Exec(ctx, "LISTEN "+BellChannel+"; LISTEN "+EventChannel); err != nil {
		t.Fatal(err)
	}
	if err := l.ping(ctx, conn); err != nil {
		t.Errorf("listening: %v", err)
	}
}
