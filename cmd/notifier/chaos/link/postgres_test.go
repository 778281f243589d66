package link

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/postgres"
)

// PostgreSQL's own client on a URL that names two servers, each behind a link.
func TestAPromotionIsFoundThroughLinks(t *testing.T) {
	t.Parallel()
	primary, err := postgres.Start(t.Context(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wantStopped(t, primary) })
	standby, err := primary.Standby(t.Context(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wantStopped(t, standby) })
	links := make([]*Link, 2)
	for i, server := range []*postgres.Server{primary, standby} {
		links[i] = run(t, To("unix", filepath.Join(server.SocketDir(), ".s.PGSQL.5432")))
	}
	url, err := postgres.TCPURL(postgres.Superuser, "postgres", links[0].Addr(), links[1].Addr())
	if err != nil {
		t.Fatal(err)
	}
	url += "&connect_timeout=1"

	conn := wantServer(t, url, primary)
	links[0].BlackHole()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := conn.Ping(ctx); err == nil {
		t.Error("a ping comes back from a black hole")
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantServer(t, url, standby)
}

func wantStopped(t *testing.T, server *postgres.Server) {
	t.Helper()
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
}

// wantServer connects, and asks where it has come to.
func wantServer(t *testing.T, url string, want *postgres.Server) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	var got string
	if err := conn.QueryRow(t.Context(), "SELECT current_setting('unix_socket_directories')").Scan(&got); err != nil || got != want.SocketDir() {
		t.Errorf("connected to %s, %v; want %s", got, err, want.SocketDir())
	}
	return conn
}
