package wsroom_test

import (
	"net"
	"net/http"
	"testing"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// newIdleHandler is what the idle server of the benchmark serves.
func newIdleHandler() http.Handler {
	hub := wsroom.NewHub(wsroom.HubConfig{})
	hub.Open(1, "1-1")
	return wsroom.NewHandler(hub, &tokens{}, &roomtest.Journal{}, wsroom.HandlerConfig{})
}

// BenchmarkIdleMemory says what an idle connection costs. Run it with -benchtime=5000x: b.N is the number of connections.
func BenchmarkIdleMemory(b *testing.B) { roomtest.BenchmarkIdle(b, mustJoin) }

func mustJoin(b *testing.B, addr string) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		err = joinPlain(conn, "1")
	}
	if err != nil {
		b.Fatal(err)
	}
	return conn
}
