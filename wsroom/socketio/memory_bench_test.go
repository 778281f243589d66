package socketio_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"testing"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

// newIdleHandler is what the idle server of the benchmark serves.
func newIdleHandler() http.Handler {
	hub := wsroom.NewHub(wsroom.HubConfig{})
	hub.Open(1, "1-1")
	return socketio.NewHandler(hub, tokens{}, &roomtest.Journal{}, socketio.Config{})
}

// BenchmarkIdleMemory opens idle connections to a server process and reports what one costs there. Run it with -benchtime=4000x. A session that polls is
// measured with the GET that is held nearly all the time, and in a moment without, when it has a connection that asks for nothing, and when it has none.
func BenchmarkIdleMemory(b *testing.B) {
	for _, kind := range []struct {
		name string
		join func(b *testing.B, addr string) net.Conn
	}{{"websocket", joinBare}, {"polling/held", holdBare}, {"polling/between", pollBare}, {"polling/hungup", hangUpBare}} {
		b.Run(kind.name, func(b *testing.B) { roomtest.BenchmarkIdle(b, kind.join) })
	}
}

// joinBare is a client of a few bytes: a net.Conn that has connected.
func joinBare(b *testing.B, addr string) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprint(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	readUntil(b, conn, `"maxPayload":1000000}`)
	connect := `40{"token":"1"}`
	if _, err := conn.Write(append([]byte{0x81, 0x80 | byte(len(connect)), 0, 0, 0, 0}, connect...)); err != nil {
		b.Fatal(err)
	}
	readUntil(b, conn, `"pid":"`)
	return conn
}

// pollBare is one that polls, and has had everything so far.
func pollBare(b *testing.B, addr string) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	const path = "/socket.io/?EIO=4&transport=polling"
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x.example\r\n\r\n", path)
	open := readUntil(b, conn, `"maxPayload":1000000}`)
	sid := sidOf.FindStringSubmatch(open)[1]
	connect := `40{"token":"1"}`
	fmt.Fprintf(conn, "POST %s&sid=%s HTTP/1.1\r\nHost: x.example\r\nContent-Length: %d\r\n\r\n%s", path, sid, len(connect), connect)
	readUntil(b, conn, "\r\n\r\nok")
	fmt.Fprintf(conn, "GET %s&sid=%s HTTP/1.1\r\nHost: x.example\r\n\r\n", path, sid)
	readUntil(b, conn, `"pid":"`)
	return &polled{Conn: conn, sid: sid}
}

// polled is a session that polls, and its connection.
type polled struct {
	net.Conn
	sid string
}

// holdBare is one whose GET is held.
func holdBare(b *testing.B, addr string) net.Conn {
	b.Helper()
	conn := pollBare(b, addr)
	fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x.example\r\n\r\n", conn.(*polled).sid)
	return conn
}

// hangUpBare is one whose connection was closed behind the answer.
func hangUpBare(b *testing.B, addr string) net.Conn {
	b.Helper()
	conn := pollBare(b, addr)
	_ = conn.Close()
	return conn
}

// readUntil reads until something has come, and returns all of it.
func readUntil(b *testing.B, conn net.Conn, what string) string {
	b.Helper()
	var seen []byte
	for buf := make([]byte, 512); !bytes.Contains(seen, []byte(what)); {
		n, err := conn.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		seen = append(seen, buf[:n]...)
	}
	return string(seen)
}
