package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// asProgram makes the test binary behave as notifier itself, for tests that need a process: signals, pipes, exit statuses.
const asProgram = "TEST_BINARY_AS_NOTIFIER"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// program prepares notifier as a process of its own, with the race detector of this test run, and without the NOTIFIER_
// variables of whoever runs the tests.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, variablePrefix) {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	// A race-enabled program sleeps for a second before it exits, in case another race is about to show.
	cmd.Env = append(cmd.Env, asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// runLine runs a command line in this process.
func runLine(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, notes bytes.Buffer
	status = run(t.Context(), args, &out, &notes)
	return status, out.String(), notes.String()
}

func TestExitStatusTellsUsageFromFailure(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want int
	}{
		{"help", []string{"--help"}, exitOK},
		{"version", []string{"version"}, exitOK},
		{"unknown command", []string{"sevre"}, exitUsage},
		{"unknown flag", []string{"token", "--acount", "1"}, exitUsage},
		{"unusable setting", []string{"token", "--account", "1", "--jwt-secret", "x", "--ttl", "soon"}, exitUsage},
		{"work that fails", []string{"token", "--account", "1", "--jwt-secret", "x", "--jwt-account-claim", "iss"}, exitFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, _, stderr := runLine(t, test.args...)
			if status != test.want {
				t.Errorf("status %d, want %d; stderr:\n%s", status, test.want, stderr)
			}
			if said := strings.HasPrefix(stderr, "notifier: "); said != (test.want != exitOK) {
				t.Errorf("stderr: %q", stderr)
			}
		})
	}
}

func TestWritingIntoAClosedPipeIsNoFailure(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "version")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = writer, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("got %v, stderr %q; want a quiet end with status 0", err, stderr.String())
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
}
