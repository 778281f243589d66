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

// rawJoin is a client of a few bytes: a net.Conn that has read its welcome and answered a ping that nobody sent.
func rawJoin(addr string) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := handshake(conn, "1"); err != nil {
		return nil, err
	}
	_, err = conn.Write([]byte{0x8a, 0x80, 0, 0, 0, 0})
	return conn, err
}

func mustJoin(b *testing.B, addr string) net.Conn {
	b.Helper()
	conn, err := rawJoin(addr)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}
