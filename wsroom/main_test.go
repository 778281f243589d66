package wsroom_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also makes the test binary the other process of some benchmarks.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(idleServerEnv) != "":
		serveIdle()
	case os.Getenv(drainerEnv) != "":
		drainConnections(os.Getenv(drainerEnv))
	default:
		goleak.VerifyTestMain(m)
	}
}
