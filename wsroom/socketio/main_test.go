package socketio_test

import (
	"testing"

	"notifier/wsroom/internal/roomtest"

	"go.uber.org/goleak"
)

// TestMain also makes the test binary the other process of a benchmark.
func TestMain(m *testing.M) {
	roomtest.ServeIdle("/socket.io/", newIdleHandler)
	goleak.VerifyTestMain(m)
}
