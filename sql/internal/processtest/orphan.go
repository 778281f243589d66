// Package processtest is for the tests of packages that start servers: a server must not outlive a parent that is killed.
package processtest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// variable tells a test binary that it is to be the parent.
const variable = "NOTIFIER_TEST_PARENT"

// BeParent is for TestMain: where Orphans has started this binary, it starts servers by start, says what that returns and waits to be killed.
// Elsewhere it does nothing.
func BeParent(start func() (said string, err error)) {
	if os.Getenv(variable) == "" {
		return
	}
	said, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(said)
	select {}
}

// Orphans runs this test binary as a parent, kills it, and returns what it said, word by word.
func Orphans(t *testing.T) (said []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this very test
	cmd.Env = append(os.Environ(), variable+"=1")
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
	if readErr != nil {
		t.Fatalf("the parent said %q: %v", line, readErr)
	}
	return strings.Fields(line)
}

// AwaitEnd waits until a process is gone. One that stays is killed by the signal, and fails the test.
func AwaitEnd(t *testing.T, what string, pid int, signal syscall.Signal) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, signal)
			t.Fatalf("%s %d outlived its parent", what, pid)
		}
	}
}
