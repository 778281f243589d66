package wsroom_test

import (
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The shapes that a writer could have, on real sockets whose other ends are in another process. Each is given one frame for each of 1,000
// connections and is done when all are written. The figure to compare is the CPU time of this process per delivery.

// drained returns n plain connections that another process reads from.
func drained(b *testing.B, n int) []net.Conn {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	await := startDrainer(b, "tcp", listener.Addr().String(), "0", n)
	conns := make([]net.Conn, n)
	for i := range conns {
		if conns[i], err = listener.Accept(); err != nil {
			b.Fatal(err)
		}
	}
	await()
	b.Cleanup(func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	return conns
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
