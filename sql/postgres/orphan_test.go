package postgres_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"

	"notifier/sql/internal/processtest"
	"notifier/sql/postgres"
)

// startAndSay starts a server, its standby, and the server again.
func startAndSay() (string, error) {
	ctx := context.Background()
	server, err := postgres.Start(ctx, postgres.Options{})
	if err != nil {
		return "", err
	}
	standby, err := server.Standby(ctx, postgres.Options{})
	if err != nil {
		return "", err
	}
	if err := server.Restart(ctx, postgres.Immediate); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %d %s %s", server.PID(), standby.PID(), server.SocketDir(), standby.SocketDir()), nil
}

func TestAKilledParentLeavesNoServer(t *testing.T) {
	t.Parallel()
	said := processtest.Orphans(t)
	if len(said) != 4 {
		t.Fatalf("the parent said %q", said)
	}
	for _, dir := range said[2:] {
		defer os.RemoveAll(dir) //nolint:errcheck // what a killed parent cannot remove
	}
	for i, name := range []string{"restarted server", "standby"} {
		pid, err := strconv.Atoi(said[i])
		if err != nil {
			t.Fatal(err)
		}
		processtest.AwaitEnd(t, name, pid, syscall.SIGQUIT)
	}
}
