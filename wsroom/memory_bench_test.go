package wsroom_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"notifier/wsroom"
)

// idleServerEnv makes the test binary a bare server, so that the memory of clients is not counted.
const idleServerEnv = "WSROOM_IDLE_SERVER"

// serveIdle is that server: it prints its address, answers /memory, and ends with its standard input.
func serveIdle() {
	hub := wsroom.NewHub(wsroom.HubConfig{})
	hub.Open(1, "1-1")
	mux := http.NewServeMux()
	mux.Handle("/ws", wsroom.NewHandler(hub, &tokens{}, &journal{}, wsroom.HandlerConfig{}))
	mux.HandleFunc("/memory", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("collect") {
			debug.FreeOSMemory()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintln(w, m.HeapAlloc, m.StackInuse, runtime.NumGoroutine())
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		_ = http.Serve(listener, mux) // ends with the process
	}()
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
}

// BenchmarkIdleMemory opens idle connections to a server process and reports what one costs there: its resident set and, of the Go runtime, heap
// and stacks. Run it with -benchtime=5000x: b.N is the number of connections.
func BenchmarkIdleMemory(b *testing.B) {
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

	// The first connections pay for what all share.
	for range 50 {
		defer mustJoin(b, addr).Close()
	}
	before := measure(b, server.Process.Pid, addr)
	conns := make([]net.Conn, b.N)
	began := time.Now()
	for i := range conns {
		conns[i] = mustJoin(b, addr)
		defer conns[i].Close()
	}
	took := time.Since(began)
	peak := residentSet(b, server.Process.Pid)
	after := measure(b, server.Process.Pid, addr)
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(peak-before.rss)/n, "B-RSS-before-GC/conn")
	b.ReportMetric(float64(after.rss-before.rss)/n, "B-RSS/conn")
	b.ReportMetric(float64(after.heap-before.heap)/n, "B-heap/conn")
	b.ReportMetric(float64(after.stack-before.stack)/n, "B-stack/conn")
	b.ReportMetric(float64(after.goroutines-before.goroutines)/n, "goroutines/conn")
	b.ReportMetric(took.Seconds()*1e6/n, "µs/connect")
}

type usage struct{ rss, heap, stack, goroutines int64 }

func measure(b *testing.B, pid int, addr string) usage {
	b.Helper()
	response, err := http.Get("http://" + addr + "/memory?collect")
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	var u usage
	if _, err := fmt.Fscan(response.Body, &u.heap, &u.stack, &u.goroutines); err != nil {
		b.Fatal(err)
	}
	u.rss = residentSet(b, pid)
	return u
}

// residentSet is the process's resident set in bytes.
func residentSet(b *testing.B, pid int) int64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

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
