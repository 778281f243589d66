package pgbouncer_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"

	"notifier/sql/internal/processtest"
	"notifier/sql/pgbouncer"
)

func startAndSay() (string, error) {
	bouncer, err := pgbouncer.Start(context.Background(), pgbouncer.Options{ServerDir: os.TempDir()})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %s", bouncer.PID(), bouncer.SocketDir()), nil
}

func TestAKilledParentLeavesNoBouncer(t *testing.T) {
	t.Parallel()
	said := processtest.Orphans(t)
	if len(said) != 2 {
		t.Fatalf("the parent said %q", said)
	}
	defer os.RemoveAll(said[1]) //nolint:errcheck // what a killed parent cannot remove
	pid, err := strconv.Atoi(said[0])
	if err != nil {
		t.Fatal(err)
	}
	processtest.AwaitEnd(t, "bouncer", pid, syscall.SIGKILL)
}
