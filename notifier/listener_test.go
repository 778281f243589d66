package notifier

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"notifier/sql/pgbouncer"
	"notifier/sql/pgtest"
	"notifier/sql/postgres"
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
		c.cluster(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'notifier listener'`, c.db.Name)
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
	if got := d.lines.with("listener_lost"); len(got) != 3 {
		t.Errorf("%d log lines, want one for each time: %v", len(got), got)
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

// Behind PgBouncer in transaction mode LISTEN is accepted and hears nothing. That is found, said once, and mended as soon
// as the way leads to the server.
func TestADeafListener(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	link := newLink(t)
	link.lead(bounce(t, 5).SocketDir())
	l, heard, metrics, lines := listen(t, link.url(runtimeURL(t, c.db.URL(pgtest.Runtime))), func(l *Listener) {
		l.echoTimeout = 100 * time.Millisecond
	})
	if since := l.DownSince(); since.IsZero() || l.Err() == nil {
		t.Errorf("before it has tried: down since %v, %v", since, l.Err())
	}
	metrics.await(t, "listener_down", 3)
	since := l.DownSince()
	if !errors.Is(l.Err(), ErrDeaf) || l.Up() || since.IsZero() {
		t.Errorf("up %v, down since %v, %v", l.Up(), since, l.Err())
	}
	if got := lines.with("listener_deaf"); len(got) != 1 || !strings.Contains(got[0], "--direct-url") {
		t.Errorf("log: %v, want one line that names the remedy", got)
	}

	link.lead(pgtest.Server(t).SocketDir())
	metrics.await(t, "listener_up", 1)
	eventually(t, "the error to be gone", func() bool { return l.Err() == nil && l.DownSince().IsZero() })
	c.exec(`SELECT pg_notify('notifier_event', '17')`)
	if got := <-heard.announced; got != 17 {
		t.Errorf("announced %d", got)
	}
}

func TestAListenerBehindAPoolerInSessionMode(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	bouncer, err := pgbouncer.Start(t.Context(), pgbouncer.Options{ServerDir: pgtest.Server(t).SocketDir(), PoolMode: "session"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bouncer.Stop() })
	_, heard, metrics, lines := listen(t, bouncer.URL(pgtest.Runtime, c.db.Name), func(*Listener) {})
	metrics.await(t, "listener_up", 1)
	c.exec(`SELECT pg_notify('notifier_event', '17')`)
	if got := <-heard.announced; got != 17 || len(lines.with("listener_deaf")) != 0 {
		t.Errorf("announced %d, log: %v", got, lines.with("listener_deaf"))
	}
}

// A listener that comes up wakes nobody else.
func TestAnEchoIsHeardByItsListenerOnly(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	url := c.db.URL(pgtest.Runtime)
	_, first, metrics, lines := listen(t, url, func(*Listener) {})
	metrics.await(t, "listener_up", 1)
	_, second, other, _ := listen(t, url, func(*Listener) {})
	other.await(t, "listener_up", 1)
	c.exec(`SELECT pg_notify('notifier_event', '17')`)
	for _, heard := range []*bells{first, second} {
		if got := <-heard.announced; got != 17 {
			t.Errorf("announced %d", got)
		}
		if got := heard.wakes.Load(); got != 1 {
			t.Errorf("woken %d times, want once, to catch up", got)
		}
	}
	if got := metrics.count("bell_event"); got != 1 || metrics.count("bell_garbage") != 0 {
		t.Errorf("heard %d announcements and %d garbage", got, metrics.count("bell_garbage"))
	}
	if got := lines.with("bell_garbage"); len(got) != 0 {
		t.Errorf("log: %v", got)
	}
}

// A standby refuses LISTEN. That is no deafness, and it is over when the standby is promoted.
func TestAStandbyThatIsPromoted(t *testing.T) {
	t.Parallel()
	primary, err := postgres.Start(t.Context(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = primary.Stop() })
	standby, err := primary.Standby(t.Context(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = standby.Stop() })
	l, _, metrics, lines := listen(t, standby.URL(postgres.Superuser, "postgres"), func(*Listener) {})
	metrics.await(t, "listener_down", 2)
	if err := l.Err(); sqlState(err) != "25006" || errors.Is(err, ErrDeaf) || l.Up() || l.DownSince().IsZero() {
		t.Errorf("up %v, down since %v, %v", l.Up(), l.DownSince(), err)
	}
	if got := lines.with("listener_lost"); len(got) != 1 {
		t.Errorf("log: %v", got)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	metrics.await(t, "listener_up", 1)
}
