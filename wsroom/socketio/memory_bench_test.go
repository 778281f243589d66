package socketio_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"notifier/wsroom"
	"notifier/wsroom/socketio"
)

// idleServerEnv makes the test binary a bare server, so that the memory of clients is not counted.
const idleServerEnv = "SOCKETIO_IDLE_SERVER"

// serveIdle is that server: it prints its address, answers /memory, and ends with its standard input.
func serveIdle() {
	hub := wsroom.NewHub(wsroom.HubConfig{})
	hub.Open(1, "1-1")
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", socketio.NewHandler(hub, tokens{}, &journal{}, socketio.Config{}))
	mux.HandleFunc("/memory", func(w http.ResponseWriter, _ *http.Request) {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		statm, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			panic(err)
		}
		var size, resident int64
		if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
			panic(err)
		}
		fmt.Fprintln(w, resident*int64(os.Getpagesize()), m.HeapAlloc, m.StackInuse, runtime.NumGoroutine())
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		_ = http.Serve(listener, mux) // ends with the process
	}()
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
}

// BenchmarkIdleMemory opens idle connections to a server process and reports what one costs there. Run it with -benchtime=4000x. A session that polls is
// measured with the GET that is held nearly all the time, and in a moment without, when it has a connection that asks for nothing, and when it has none.
func BenchmarkIdleMemory(b *testing.B) {
	for _, kind := range []struct {
		name string
		join func(b *testing.B, addr string) net.Conn
	}{{"websocket", joinBare}, {"polling/held", holdBare}, {"polling/between", pollBare}, {"polling/hungup", hangUpBare}} {
		b.Run(kind.name, func(b *testing.B) { benchmarkIdle(b, kind.join) })
	}
}

func benchmarkIdle(b *testing.B, join func(b *testing.B, addr string) net.Conn) {
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), idleServerEnv+"=1")
	stdin, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = stdin.Close()
		_ = server.Wait()
	}()
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	addr = strings.TrimSpace(addr)
	for range 50 { // the first connections pay for what all share
		defer join(b, addr).Close()
	}
	before := measure(b, addr)
	for range b.N {
		defer join(b, addr).Close()
	}
	after := measure(b, addr)
	b.ReportMetric(0, "ns/op")
	for i, unit := range []string{"B-RSS/conn", "B-heap/conn", "B-stack/conn", "goroutines/conn"} {
		b.ReportMetric(float64(after[i]-before[i])/float64(b.N), unit)
	}
}

func measure(b *testing.B, addr string) (m [4]int64) {
	b.Helper()
	response, err := http.Get("http://" + addr + "/memory")
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := fmt.Fscan(response.Body, &m[0], &m[1], &m[2], &m[3]); err != nil {
		b.Fatal(err)
	}
	return m
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
