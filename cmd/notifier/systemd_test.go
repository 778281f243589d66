package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serviceManager is systemd's end of the socket.
type serviceManager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") //nolint:usetesting // t.TempDir can be longer than the address of a socket may be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &serviceManager{t, conn, path}
}

// hears waits for the next state that is not the watchdog's, or for want.
func (m *serviceManager) hears(want string) {
	m.t.Helper()
	buffer := make([]byte, 1024)
	_ = m.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		n, err := m.conn.Read(buffer)
		if err != nil {
			m.t.Fatalf("waiting for %s: %v", want, err)
		}
		if got := string(buffer[:n]); got == want {
			return
		} else if got != "WATCHDOG=1" {
			m.t.Fatalf("systemd hears %q, want %q", got, want)
		}
	}
}

// hasHeard are the states that have arrived and were not waited for.
func (m *serviceManager) hasHeard() (states []string) {
	buffer := make([]byte, 1024)
	_ = m.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	for {
		n, err := m.conn.Read(buffer)
		if err != nil {
			return states
		}
		states = append(states, string(buffer[:n]))
	}
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// The database is away, which is no reason not to be started: /readyz says that.
func TestServeTellsSystemdWhenItIsReadyAliveAndStopping(t *testing.T) {
	manager := newServiceManager(t)
	t.Setenv("NOTIFY_SOCKET", manager.path)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	t.Setenv("NOTIFIER_JWT_SECRET", strings.Repeat("k", 32))
	cmd := newServeCommand()
	cmd.SetArgs([]string{"--database-url", "postgres://127.0.0.1:1/none", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0",
		"--peer-addr", "off", "--drain", "0s"})
	cmd.SetErr(io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	manager.hears("READY=1")
	manager.hears("WATCHDOG=1")
	cancel()
	manager.hears("STOPPING=1")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheWatchdogHearsNothingOfADaemonThatHangs(t *testing.T) {
	t.Parallel()
	manager := newServiceManager(t)
	service := newSystemd(environment("NOTIFY_SOCKET", manager.path, "WATCHDOG_USEC", "2000"), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	service.watch(ctx, func() bool {
		if asked++; asked == 5 {
			cancel()
		}
		return false
	})
	if states := manager.hasHeard(); asked != 5 || len(states) > 0 {
		t.Errorf("asked %d times, systemd heard %q, want 5 times, and nothing", asked, states)
	}
}

func TestNobodyIsToldWithoutSystemd(t *testing.T) {
	t.Parallel()
	for name, getenv := range map[string]func(string) string{
		"nobody":          environment(),
		"no watchdog":     environment("NOTIFY_SOCKET", "@nobody"),
		"another process": environment("NOTIFY_SOCKET", "@nobody", "WATCHDOG_USEC", "2000", "WATCHDOG_PID", "1"),
		"no number":       environment("NOTIFY_SOCKET", "@nobody", "WATCHDOG_USEC", "soon"),
	} {
		t.Run(name, func(t *testing.T) {
			service := newSystemd(getenv, slog.New(slog.DiscardHandler))
			service.watch(t.Context(), func() bool { t.Error("it is watched"); return true }) // returns at once
		})
	}
	newSystemd(environment(), nil).tell(t.Context(), "READY=1") // there is no log that it could need
}

func TestAStateThatDoesNotArriveIsLogged(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	service := newSystemd(environment("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone")), slog.New(slog.NewTextHandler(&log, nil)))
	service.tell(t.Context(), "READY=1")
	if !strings.Contains(log.String(), `level=WARN msg=systemd_unreachable state="READY=1" error=`) {
		t.Errorf("the log has %q", log.String())
	}
}
