package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/internal/processtest"
	"notifier/sql/postgres"
)

const (
	count    = "SELECT count(*) FROM story"
	timeline = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
	cluster  = "SELECT system_identifier::text FROM pg_control_system()"
)

// startPair starts a server, with an empty table, and its standby.
func startPair(t *testing.T) (primary, standby *postgres.Server) {
	t.Helper()
	primary = startServer(t, "wal_keep_size = 256MB", "max_connections = 250")
	processtest.Exec(t, processtest.Connect(t, primary.URL(postgres.Superuser, "postgres")), "CREATE TABLE story (id int)")
	standby, err := primary.Standby(t.Context(), postgres.Options{Settings: []string{"work_mem = 7MB"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, standby) })
	return primary, standby
}

// awaitCount waits until a server has replayed so many rows.
func awaitCount(t *testing.T, conn *pgx.Conn, want int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for got := processtest.Query[int](t, conn, count); got != want; got = processtest.Query[int](t, conn, count) {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows after 20 s, want %d", got, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestAStandbyFollowsAlsoThroughRestarts(t *testing.T) {
	t.Parallel()
	primary, standby := startPair(t)
	for i, restart := range []func() error{
		func() error { return nil },
		func() error { return primary.Restart(t.Context(), postgres.Fast) },
		func() error { return primary.Restart(t.Context(), postgres.Immediate) },
		func() error { return standby.Restart(t.Context(), postgres.Immediate) },
	} {
		if err := restart(); err != nil {
			t.Fatal(err)
		}
		processtest.Exec(t, processtest.Connect(t, primary.URL(postgres.Superuser, "postgres")), "INSERT INTO story VALUES (1)")
		replica := processtest.Connect(t, standby.URL(postgres.Superuser, "postgres"))
		awaitCount(t, replica, i+1)
		if _, err := replica.Exec(t.Context(), "INSERT INTO story VALUES (2)"); err == nil {
			t.Error("a standby takes writes")
		}
	}
	replica := processtest.Connect(t, standby.URL(postgres.Superuser, "postgres"))
	for setting, want := range map[string]string{"work_mem": "7MB", "max_connections": "250", "fsync": "off", "listen_addresses": ""} {
		if got := processtest.Query[string](t, replica, "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("the standby's %s is %q, want %q", setting, got, want)
		}
	}
}

func TestAPromotionLosesExactlyWhatWasCommittedAfterTheDetachment(t *testing.T) {
	t.Parallel()
	primary, standby := startPair(t)
	old, replica := processtest.Connect(t, primary.URL(postgres.Superuser, "postgres")), processtest.Connect(t, standby.URL(postgres.Superuser, "postgres"))
	processtest.Exec(t, old, "INSERT INTO story SELECT generate_series(1, 100)")
	awaitCount(t, replica, 100)
	if err := standby.Detach(t.Context()); err != nil {
		t.Fatal(err)
	}
	processtest.Exec(t, old, "INSERT INTO story SELECT generate_series(101, 130)")
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}

	processtest.Exec(t, replica, "INSERT INTO story VALUES (1000)") // on the connection that was there before
	for name, c := range map[string]struct {
		conn     *pgx.Conn
		rows     int
		timeline string
	}{"the old primary": {old, 130, "00000001"}, "the new one": {replica, 101, "00000002"}} {
		if got := processtest.Query[int](t, c.conn, count); got != c.rows {
			t.Errorf("%s has %d rows, want %d", name, got, c.rows)
		}
		if got := processtest.Query[string](t, c.conn, timeline); got != c.timeline {
			t.Errorf("%s is on timeline %s, want %s", name, got, c.timeline)
		}
	}
	if a, b := processtest.Query[string](t, old, cluster), processtest.Query[string](t, replica, cluster); a != b {
		t.Errorf("the clusters are %s and %s, want one", a, b)
	}
	if err := standby.Promote(t.Context()); err == nil {
		t.Error("a primary can be promoted")
	}
}

func TestOneURLNamesBothAndLeadsToTheOneThatTakesWrites(t *testing.T) {
	t.Parallel()
	primary, standby := startPair(t)
	url := postgres.MultiURL(postgres.Superuser, "postgres", standby, primary)
	const directory = "SELECT current_setting('unix_socket_directories')"
	if got := processtest.Query[string](t, processtest.Connect(t, url), directory); got != primary.SocketDir() {
		t.Errorf("connected to %s, want the primary, %s", got, primary.SocketDir())
	}
	if err := primary.Halt(t.Context(), postgres.Immediate); err != nil {
		t.Fatal(err)
	}
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Error("connected although none takes writes")
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := processtest.Query[string](t, processtest.Connect(t, url), directory); got != standby.SocketDir() {
		t.Errorf("connected to %s, want the new primary, %s", got, standby.SocketDir())
	}
}

func TestATCPURLNamesEveryAddress(t *testing.T) {
	t.Parallel()
	url, err := postgres.TCPURL("clinic", "ward", "127.0.0.1:7001", "[::1]:7002")
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{fmt.Sprint(config.Host, " ", config.Port)}
	for _, next := range config.Fallbacks { // TLS would make two of each
		got = append(got, fmt.Sprint(next.Host, " ", next.Port))
	}
	if want := []string{"127.0.0.1 7001", "::1 7002"}; !slices.Equal(got, want) || config.TLSConfig != nil || config.ValidateConnect == nil {
		t.Errorf("%s means %v, TLS %v; want %v, for writes, without TLS", url, got, config.TLSConfig, want)
	}
	if _, err := postgres.TCPURL("clinic", "ward", "nowhere"); err == nil {
		t.Error("an address without a port is taken")
	}
}
