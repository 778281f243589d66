package e2e

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// front is what stands before several daemons: a TCP balancer, that asks each for its /readyz and sends a connection to the one that has the fewest.
type front struct {
	t        testing.TB
	listener net.Listener
	done     chan struct{}
	work     sync.WaitGroup

	mu   sync.Mutex
	back []*behind
	ways map[net.Conn]struct{}
}

// behind is one daemon behind it.
type behind struct {
	*process
	ready bool
	count int
}

// newFront opens an address that leads nowhere yet.
func newFront(t testing.TB) *front {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{t: t, listener: listener, done: make(chan struct{}), ways: map[net.Conn]struct{}{}}
	f.work.Go(f.accept)
	t.Cleanup(f.close)
	return f
}

func (f *front) addr() string { return f.listener.Addr().String() }

// add puts a daemon behind it, which is ready.
func (f *front) add(p *process) {
	b := &behind{process: p, ready: true}
	f.mu.Lock()
	f.back = append(f.back, b)
	f.mu.Unlock()
	f.work.Go(func() { f.check(b) })
}

// check asks a daemon again and again, until it has ended.
func (f *front) check(b *behind) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-tick.C:
		case <-b.ended:
			return
		case <-f.done:
			return
		}
		response, err := client.Get("http://" + b.admin + "/readyz")
		ready := err == nil && response.StatusCode == http.StatusOK
		if err == nil {
			_ = response.Body.Close()
		}
		f.mu.Lock()
		b.ready = ready
		f.mu.Unlock()
	}
}

func (f *front) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return // closed
		}
		f.work.Go(func() { f.lead(conn) })
	}
}

// lead brings a connection to a daemon. One that does not take it is not ready, and the next is tried.
func (f *front) lead(client net.Conn) {
	defer client.Close()
	for b := f.choose(); b != nil; b = f.choose() {
		server, err := net.DialTimeout("tcp", b.process.addr, time.Second)
		if err == nil {
			f.splice(client, server)
		}
		f.mu.Lock()
		b.count--
		b.ready = b.ready && err == nil
		f.mu.Unlock()
		if err == nil {
			return
		}
	}
}

// choose takes the ready daemon with the fewest connections, nil if there is none.
func (f *front) choose() (chosen *behind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.back {
		if b.ready && (chosen == nil || b.count < chosen.count) {
			chosen = b
		}
	}
	if chosen != nil {
		chosen.count++
	}
	return chosen
}

// splice passes everything on in both directions, and each end on its own, until both are through.
func (f *front) splice(client, server net.Conn) {
	defer server.Close()
	f.mu.Lock()
	f.ways[client], f.ways[server] = struct{}{}, struct{}{}
	f.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server) // however it ends
		_ = client.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(server, client)
	_ = server.(*net.TCPConn).CloseWrite()
	back.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ways, client)
	delete(f.ways, server)
}

func (f *front) close() {
	close(f.done)
	_ = f.listener.Close()
	f.mu.Lock()
	for conn := range f.ways {
		_ = conn.Close()
	}
	f.mu.Unlock()
	f.work.Wait()
}
