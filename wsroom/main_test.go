package wsroom_test

import (
	"os"
	"testing"

	"notifier/wsroom/internal/roomtest"

	"go.uber.org/goleak"
)

// TestMain also makes the test binary the other process of some benchmarks.
func TestMain(m *testing.M) {
	roomtest.ServeIdle("/ws", newIdleHandler)
	if addr := os.Getenv(drainerEnv); addr != "" {
		drainConnections(addr)
		return
	}
	goleak.VerifyTestMain(m)
}
