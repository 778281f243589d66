package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"notifier/sql/postgres"
)

// orphan makes of this test binary a parent that starts servers and is then killed.
const orphan = "NOTIFIER_TEST_ORPHAN"

// beParent starts a server, its standby, and the server again; says so; and never returns.
func beParent() {
	ctx := context.Background()
	server, err := postgres.Start(ctx, postgres.Options{})
	if err == nil {
		var standby *postgres.Server
		if standby, err = server.Standby(ctx, postgres.Options{}); err == nil {
			if err = server.Restart(ctx, postgres.Immediate); err == nil {
				fmt.Println(server.PID(), standby.PID(), server.SocketDir(), standby.SocketDir())
				select {} // until we are killed
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
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
	said := strings.Fields(line)
	if readErr != nil || len(said) != 4 {
		t.Fatalf("the parent said %q: %v", line, readErr)
	}
	for _, dir := range said[2:] {
		defer os.RemoveAll(dir) //nolint:errcheck // what a killed parent cannot remove
	}
	for i, name := range []string{"restarted server", "standby"} {
		pid, err := strconv.Atoi(said[i])
		if err != nil {
			t.Fatalf("the parent said %q: %v", line, err)
		}
		for deadline := time.Now().Add(20 * time.Second); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				_ = syscall.Kill(pid, syscall.SIGQUIT)
				t.Fatalf("the %s, %d, outlived its parent", name, pid)
			}
		}
	}
}
