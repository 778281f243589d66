package postgres_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"notifier/sql/internal/processtest"
	"notifier/sql/postgres"
)

func TestMain(m *testing.M) {
	processtest.BeParent(startAndSay)
	goleak.VerifyTestMain(m)
}

// startServer starts a server that is stopped at the end of the test.
func startServer(t *testing.T, settings ...string) *postgres.Server {
	t.Helper()
	server, err := postgres.Start(t.Context(), postgres.Options{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	return server
}

// stop stops a server and looks for what it leaves.
func stop(t *testing.T, server *postgres.Server) {
	t.Helper()
	if err := server.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := syscall.Kill(server.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the server's process: %v, want it gone", err)
	}
	if _, err := os.Stat(server.SocketDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the server's folder: %v, want it gone", err)
	}
}

func TestAServerAnswersOnItsSocketOnlyUntilItIsStopped(t *testing.T) {
	t.Parallel()
	server, err := postgres.Start(t.Context(), postgres.Options{Settings: []string{"work_mem = 7MB", "shared_buffers = 32MB"}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), server.URL(postgres.Superuser, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"work_mem": "7MB", "shared_buffers": "32MB", "listen_addresses": "", "fsync": "off", "TimeZone": "UTC", "server_encoding": "UTF8",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", setting, got, err, want)
		}
	}
	info, err := os.Stat(server.SocketDir())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the server's folder: %v, %v; want nobody else to enter it", info.Mode(), err)
	}
	if !strings.Contains(server.Log(), "ready to accept connections") {
		t.Errorf("its log says %q", server.Log())
	}

	for range 2 { // with a client still connected, and a second time
		stop(t, server)
	}
	_ = conn.Close(context.Background()) // the server has ended it
}

func TestADurableServerWaitsForItsDisk(t *testing.T) {
	t.Parallel()
	server, err := postgres.Start(t.Context(), postgres.Options{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	conn, err := pgx.Connect(t.Context(), server.URL(postgres.Superuser, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var got string
	const settings = "SELECT concat_ws(' ', current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'))"
	if err := conn.QueryRow(t.Context(), settings).Scan(&got); err != nil || got != "on on on" {
		t.Errorf("fsync, full_page_writes and synchronous_commit are %q (%v), want all on", got, err)
	}
}

func TestAServerThatCannotStartSaysWhyAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the server's user must get in
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	_, err := postgres.Start(t.Context(), postgres.Options{Settings: []string{"shared_buffers = lots"}})
	if err == nil || !strings.Contains(err.Error(), "shared_buffers") {
		t.Errorf("start: %v, want it to name the setting", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAStartThatIsCancelledLeavesNoServer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := postgres.Start(ctx, postgres.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("start: %v, want it cancelled", err)
	}
}
