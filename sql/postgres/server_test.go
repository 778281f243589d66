package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"notifier/sql/postgres"
)

// orphan makes of this test binary a parent that starts a server and is then killed.
const orphan = "NOTIFIER_TEST_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphan) != "" {
		server, err := postgres.Start(context.Background(), postgres.Options{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(server.PID(), server.SocketDir())
		select {} // until we are killed
	}
	goleak.VerifyTestMain(m)
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
		if err := server.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	_ = conn.Close(context.Background()) // the server has ended it
	if err := syscall.Kill(server.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the server's process: %v, want it gone", err)
	}
	if _, err := os.Stat(server.SocketDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the server's folder: %v, want it gone", err)
	}
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

func TestAKilledParentLeavesNoServer(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), orphan+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	pidText, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
	pid, err := strconv.Atoi(pidText)
	if readErr != nil || !ok || err != nil {
		t.Fatalf("the parent said %q: %v", line, readErr)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what a killed parent cannot remove
	for deadline := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGQUIT)
			t.Fatalf("server %d outlived its parent", pid)
		}
	}
}
