package socketio_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also makes the test binary the other process of a benchmark.
func TestMain(m *testing.M) {
	if os.Getenv(idleServerEnv) != "" {
		serveIdle()
		return
	}
	goleak.VerifyTestMain(m)
}
