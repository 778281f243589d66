package pgbouncer_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"syscall"
	"testing"
	"time"

	"notifier/sql/pgbouncer"
)

// orphan makes of this test binary a parent that starts a bouncer and is then killed.
const orphan = "NOTIFIER_TEST_ORPHAN"

// beParent starts a bouncer, says so, and never returns.
func beParent() {
	bouncer, err := pgbouncer.Start(context.Background(), pgbouncer.Options{ServerDir: os.TempDir()})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(bouncer.PID(), bouncer.SocketDir())
	select {} // until we are killed
}

func TestAKilledParentLeavesNoBouncer(t *testing.T) {
	t.Parallel()
	cmd := osexec.Command(os.Args[0])
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
	var pid int
	var dir string
	if _, err := fmt.Sscan(line, &pid, &dir); err != nil {
		t.Fatalf("the parent said %q: %v", line, errors.Join(readErr, err))
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what a killed parent cannot remove
	for deadline := time.Now().Add(20 * time.Second); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("bouncer %d outlived its parent", pid)
		}
	}
}
