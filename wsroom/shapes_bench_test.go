package wsroom_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The shapes that a writer could have, on real sockets whose other ends are in another process. Each is given one frame for each of 1,000
// connections and is done when all are written. The figure to compare is the CPU time of this process per delivery.

// drainerEnv makes the test binary a process that connects as often as the number says, to the address, and reads.
const drainerEnv = "WSROOM_DRAINER"

// drainConnections is that process: its target is "tcp|ws address number".
func drainConnections(target string) {
	var kind, addr string
	var n int
	if _, err := fmt.Sscan(target, &kind, &addr, &n); err != nil {
		panic(err)
	}
	for range n {
		var conn net.Conn
		var err error
		if kind == "ws" {
			conn, err = rawJoin(addr)
		} else {
			conn, err = net.Dial("tcp", addr)
		}
		if err != nil {
			panic(err)
		}
		go func() { _, _ = io.Copy(io.Discard, conn) }() // until the process ends
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startDrainer has another process connect n times and read.
func startDrainer(b *testing.B, kind, addr string, n int) (ready *bufio.Reader) {
	b.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", drainerEnv, kind, addr, n))
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = child.Wait()
	})
	return bufio.NewReader(stdout)
}

// drained returns n plain connections that another process reads from.
func drained(b *testing.B, n int) []net.Conn {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	startDrainer(b, "tcp", listener.Addr().String(), n)
	conns := make([]net.Conn, n)
	for i := range conns {
		if conns[i], err = listener.Accept(); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	return conns
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type shape interface {
	publish(frame []byte)
	stop()
}

func BenchmarkWriterShape(b *testing.B) {
	const members = 1000
	frame := make([]byte, 800)
	shapes := []struct {
		name string
		make func(conns []net.Conn) shape
	}{
		{"floor", func(c []net.Conn) shape { return inline{c} }},
		{"resident", newResident},
		{"spawned", func(c []net.Conn) shape { return &spawned{conns: c, prepare: func(net.Conn) {}} }},
		{"spawned, deadline per write", func(c []net.Conn) shape {
			return &spawned{conns: c, prepare: func(conn net.Conn) { _ = conn.SetWriteDeadline(time.Now().Add(10 * time.Second)) }}
		}},
		{"crew", func(c []net.Conn) shape { return newCrew(c, false) }},
		{"crew, raw", func(c []net.Conn) shape { return newCrew(c, true) }},
	}
	for _, shape := range shapes {
		b.Run(shape.name, func(b *testing.B) {
			s := shape.make(drained(b, members))
			defer s.stop()
			s.publish(frame)
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				s.publish(frame)
			}
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/members, "cpu-ns/delivery")
		})
	}
}

// inline writes in the publisher's own loop: what nothing can beat, and what blocks on one slow client.
type inline struct{ conns []net.Conn }

func (s inline) publish(frame []byte) {
	for _, conn := range s.conns {
		_, _ = conn.Write(frame)
	}
}
func (inline) stop() {}

// resident has a writer goroutine per connection.
type resident struct {
	inboxes []chan []byte
	done    sync.WaitGroup
}

func newResident(conns []net.Conn) shape {
	s := &resident{}
	for _, conn := range conns {
		inbox := make(chan []byte, 1)
		s.inboxes = append(s.inboxes, inbox)
		go func() {
			for frame := range inbox {
				_, _ = conn.Write(frame)
				s.done.Done()
			}
		}()
	}
	return s
}

func (s *resident) publish(frame []byte) {
	s.done.Add(len(s.inboxes))
	for _, inbox := range s.inboxes {
		inbox <- frame
	}
	s.done.Wait()
}

func (s *resident) stop() {
	for _, inbox := range s.inboxes {
		close(inbox)
	}
}

// spawned starts a goroutine per delivery.
type spawned struct {
	conns   []net.Conn
	prepare func(net.Conn)
	done    sync.WaitGroup
}

func (s *spawned) publish(frame []byte) {
	s.done.Add(len(s.conns))
	for _, conn := range s.conns {
		go s.write(conn, frame)
	}
	s.done.Wait()
}

func (s *spawned) write(conn net.Conn, frame []byte) {
	s.prepare(conn)
	_, _ = conn.Write(frame)
	s.done.Done()
}

func (*spawned) stop() {}

// crew has a list of connections to write to and a few goroutines that take from it, started when there is work.
type crew struct {
	conns []net.Conn
	raws  []syscall.RawConn
	frame []byte
	done  sync.WaitGroup

	mu      sync.Mutex
	jobs    []int
	workers int
}

func newCrew(conns []net.Conn, raw bool) shape {
	s := &crew{conns: conns}
	if raw {
		for _, conn := range conns {
			r, err := conn.(*net.TCPConn).SyscallConn()
			if err != nil {
				panic(err)
			}
			s.raws = append(s.raws, r)
		}
	}
	return s
}

func (s *crew) publish(frame []byte) {
	s.frame = frame
	s.done.Add(len(s.conns))
	for i := range s.conns {
		s.mu.Lock()
		s.jobs = append(s.jobs, i)
		start := s.workers < 4
		if start {
			s.workers++
		}
		s.mu.Unlock()
		if start {
			go s.work()
		}
	}
	s.done.Wait()
}

func (s *crew) work() {
	var mine [16]int
	once := func(fd uintptr) bool { _, _ = syscall.Write(int(fd), s.frame); return true }
	for {
		s.mu.Lock()
		n := copy(mine[:], s.jobs[max(0, len(s.jobs)-len(mine)):])
		s.jobs = s.jobs[:len(s.jobs)-n]
		if n == 0 {
			s.workers--
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		for _, i := range mine[:n] {
			if s.raws != nil {
				_ = s.raws[i].Write(once)
			} else {
				_, _ = s.conns[i].Write(s.frame)
			}
			s.done.Done()
		}
	}
}

func (*crew) stop() {}
