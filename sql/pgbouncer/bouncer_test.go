package pgbouncer_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"notifier/sql/internal/processtest"
	"notifier/sql/pgbouncer"
	"notifier/sql/postgres"
)

func TestMain(m *testing.M) {
	processtest.BeParent(startAndSay)
	goleak.VerifyTestMain(m)
}

func startServer(t *testing.T) *postgres.Server {
	t.Helper()
	server, err := postgres.Start(t.Context(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func startBouncer(t *testing.T, opts pgbouncer.Options) *pgbouncer.Bouncer {
	t.Helper()
	bouncer, err := pgbouncer.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bouncer.Stop(); err != nil {
			t.Error(err)
		}
	})
	return bouncer
}

func TestEveryRoleAndDatabaseOfTheServerIsReachedUntilTheBouncerIsStopped(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	bouncer := startBouncer(t, pgbouncer.Options{ServerDir: server.SocketDir()})
	direct := processtest.Connect(t, server.URL(postgres.Superuser, "postgres"))
	processtest.Exec(t, direct, "CREATE ROLE clinic LOGIN") // after the bouncer started: nobody has listed it
	processtest.Exec(t, direct, "CREATE DATABASE ward")

	conn := processtest.Connect(t, bouncer.URL("clinic", "ward"))
	if got := processtest.Query[string](t, conn, "SELECT current_user || '@' || current_database()"); got != "clinic@ward" {
		t.Errorf("connected as %s", got)
	}
	if err := bouncer.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a stopped bouncer answers")
	}
	if err := syscall.Kill(bouncer.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the bouncer's process: %v, want it gone", err)
	}
	if _, err := os.Stat(bouncer.SocketDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the bouncer's folder: %v, want it gone", err)
	}
}

func TestTransactionsOfOneConnectionMeetDifferentBackends(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	bouncer := startBouncer(t, pgbouncer.Options{ServerDir: server.SocketDir(), PoolSize: 2})
	const backend = "SELECT pg_backend_pid()"
	first, second, third := processtest.Connect(t, bouncer.URL(postgres.Superuser, "postgres")),
		processtest.Connect(t, bouncer.URL(postgres.Superuser, "postgres")), processtest.Connect(t, bouncer.URL(postgres.Superuser, "postgres"))

	processtest.Exec(t, first, "BEGIN")
	before := processtest.Query[int](t, first, backend)
	processtest.Exec(t, second, "BEGIN") // takes the other
	other := processtest.Query[int](t, second, backend)
	processtest.Exec(t, first, "COMMIT")
	processtest.Exec(t, third, "BEGIN") // takes the one that first has left
	if taken := processtest.Query[int](t, third, backend); taken != before {
		t.Fatalf("of two backends, %d and %d, the free one is not taken but %d", before, other, taken)
	}
	processtest.Exec(t, second, "COMMIT")
	if after := processtest.Query[int](t, first, backend); after != other || after == before {
		t.Errorf("the backend is %d and was %d, want the only free one, %d", after, before, other)
	}
	processtest.Exec(t, third, "COMMIT")
}

func TestListenHearsInSessionModeOnly(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	for mode, want := range map[string]bool{"session": true, "transaction": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			bouncer := startBouncer(t, pgbouncer.Options{ServerDir: server.SocketDir(), PoolMode: mode})
			listener := processtest.Connect(t, bouncer.URL(postgres.Superuser, "postgres"))
			direct := processtest.Connect(t, server.URL(postgres.Superuser, "postgres"))
			for _, conn := range []*pgx.Conn{listener, direct} {
				processtest.Exec(t, conn, "LISTEN "+mode)
			}
			processtest.Exec(t, direct, "NOTIFY "+mode)
			if _, err := direct.WaitForNotification(t.Context()); err != nil {
				t.Fatal(err)
			}
			patience := 20 * time.Second
			if !want {
				patience = 300 * time.Millisecond // it was sent: the direct connection has it
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, err := listener.WaitForNotification(ctx); (err == nil) != want {
				t.Errorf("heard: %t (%v), want %t", err == nil, err, want)
			}
		})
	}
}

func TestABouncerOutlivesItsServersAbsence(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	bouncer := startBouncer(t, pgbouncer.Options{ServerDir: server.SocketDir()})
	processtest.Exec(t, processtest.Connect(t, bouncer.URL(postgres.Superuser, "postgres")), "SELECT 1")
	if err := server.Restart(t.Context(), postgres.Immediate); err != nil {
		t.Fatal(err)
	}
	try := func() error {
		conn, err := pgx.Connect(t.Context(), bouncer.URL(postgres.Superuser, "postgres"))
		if err != nil {
			return err
		}
		_, err = conn.Exec(t.Context(), "SELECT 1")
		return errors.Join(err, conn.Close(t.Context()))
	}
	deadline := time.Now().Add(20 * time.Second)
	for err := try(); err != nil; err = try() {
		if time.Now().After(deadline) {
			t.Fatalf("after its server's restart: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestABouncerThatCannotStartSaysWhyAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir + "/..", dir} { // the bouncer's user must get in
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TMPDIR", dir)
	_, err := pgbouncer.Start(t.Context(), pgbouncer.Options{ServerDir: dir, PoolMode: "sometimes"})
	if err == nil || !strings.Contains(err.Error(), "sometimes") {
		t.Errorf("start: %v, want it to name the setting", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
