package roomtest

import (
	"bufio"
	"context"
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
)

// idleVariable makes a test binary a bare server, so that the memory of its clients is not counted.
const idleVariable = "WSROOM_IDLE_SERVER"

// ServeIdle is for TestMain: where BenchmarkIdle has started this binary, it serves, and ends with its standard input. Elsewhere it does nothing.
func ServeIdle(pattern string, handler func() http.Handler) {
	if os.Getenv(idleVariable) == "" {
		return
	}
	mux := http.NewServeMux()
	mux.Handle(pattern, handler())
	mux.HandleFunc("/memory", func(w http.ResponseWriter, _ *http.Request) {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintln(w, m.HeapAlloc, m.StackInuse, runtime.NumGoroutine())
	})
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		_ = http.Serve(listener, mux) //nolint:gosec // ends with the process, and serves a benchmark
	}()
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
	os.Exit(0)
}

// BenchmarkIdle opens b.N idle connections to a server process and reports what one costs there: its resident set and, of the Go runtime, heap and stacks.
// Run it with -benchtime=4000x.
func BenchmarkIdle(b *testing.B, join func(b *testing.B, addr string) net.Conn) {
	b.Helper()
	server := exec.CommandContext(b.Context(), os.Args[0]) //nolint:gosec // this very test
	server.Env = append(os.Environ(), idleVariable+"=1")
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
	measureIdle(b, join, server.Process.Pid, strings.TrimSpace(addr))
}

func measureIdle(b *testing.B, join func(b *testing.B, addr string) net.Conn, pid int, addr string) {
	b.Helper()
	for range 50 { // the first connections pay for what all share
		defer hangUp(join(b, addr))
	}
	before := measure(b, pid, addr)
	began := time.Now()
	for range b.N {
		defer hangUp(join(b, addr))
	}
	took := time.Since(began)
	peak := residentSet(b, pid)
	after := measure(b, pid, addr)
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(peak-before.rss)/n, "B-RSS-before-GC/conn")
	b.ReportMetric(float64(after.rss-before.rss)/n, "B-RSS/conn")
	b.ReportMetric(float64(after.heap-before.heap)/n, "B-heap/conn")
	b.ReportMetric(float64(after.stack-before.stack)/n, "B-stack/conn")
	b.ReportMetric(float64(after.goroutines-before.goroutines)/n, "goroutines/conn")
	b.ReportMetric(took.Seconds()*1e6/n, "µs/connect")
}

func hangUp(conn net.Conn) { _ = conn.Close() }

type usage struct{ rss, heap, stack, goroutines int64 }

// measure collects before it looks.
func measure(b *testing.B, pid int, addr string) (u usage) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+addr+"/memory", nil)
	if err != nil {
		b.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
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
