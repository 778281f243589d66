package edge

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a Metrics.
type counted struct {
	mu      sync.Mutex
	refused map[string]int
}

func (c *counted) Refused(limit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = map[string]int{}
	}
	c.refused[limit]++
}

func (c *counted) handshakes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused[LimitHandshakes]
}

// pipes is a listener whose connections begin in the test.
type pipes struct {
	conns chan net.Conn
	over  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.over) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// serveGate runs a server as the daemon does behind a gate for so many, in a bubble.
func serveGate(t *testing.T, limit int, handler http.HandlerFunc, secure *tls.Config) (*Gate, *counted, *pipes) {
	t.Helper()
	metrics := &counted{}
	gate := NewGate(limit, metrics)
	web := &http.Server{
		Handler: handler, ConnState: gate.ConnState, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	}
	p := &pipes{conns: make(chan net.Conn), over: make(chan struct{})}
	var listener net.Listener = p
	if secure != nil {
		listener = tls.NewListener(p, secure)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(listener) // http.ErrServerClosed
	}()
	t.Cleanup(func() {
		_ = web.Close()
		<-served
	})
	return gate, metrics, p
}

// ended reports whether the other end has closed.
func ended(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := io.Copy(io.Discard, conn)
	return err == nil
}

// ask makes a request and returns the answer's status.
func ask(t *testing.T, conn net.Conn) int {
	t.Helper()
	_ = conn.SetReadDeadline(time.Time{})
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return readStatus(t, conn)
}

func readStatus(t *testing.T, conn net.Conn) int {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestTheOldestOfTooManyThatSayNothingIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, metrics, p := serveGate(t, 3, func(http.ResponseWriter, *http.Request) {}, nil)
		var conns []net.Conn
		for range 5 {
			conns = append(conns, p.dial())
			synctest.Wait()
		}
		_, _ = io.WriteString(conns[2], "GET / HTTP/1.1\r\nHo") // half a request is none
		synctest.Wait()
		for i, conn := range conns {
			if got, want := ended(conn), i < 2; got != want {
				t.Errorf("connection %d: ended %v, want %v", i, got, want)
			}
		}
		if gate.Waiting() != 3 || metrics.handshakes() != 2 {
			t.Errorf("%d wait and %d were refused, want 3 and 2", gate.Waiting(), metrics.handshakes())
		}
		if got := ask(t, conns[3]); got != http.StatusOK {
			t.Errorf("want the others served, got %d", got)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
}

// What a handler has does not count, for however long; what waits for the next request does, as the newest.
func TestOnlyConnectionsWithoutARequestCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		gate, metrics, p := serveGate(t, 2, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") == "" {
				<-release
				return
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}, nil)
		var held, taken []net.Conn
		for range 4 {
			poll, socket := p.dial(), p.dial()
			held, taken = append(held, poll), append(taken, socket)
			for conn, header := range map[net.Conn]string{poll: "", socket: "Upgrade: x\r\n"} {
				if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n"+header+"\r\n"); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		time.Sleep(30 * time.Second) // longer than the deadline of a request: who is held stays
		if gate.Waiting() != 0 || metrics.handshakes() != 0 {
			t.Fatalf("%d wait and %d were refused, want none", gate.Waiting(), metrics.handshakes())
		}
		silent := p.dial()
		synctest.Wait()
		close(release)
		for _, conn := range held {
			if got := readStatus(t, conn); got != http.StatusOK {
				t.Errorf("a request that was held was answered %d", got)
			}
			synctest.Wait()
		}
		if gate.Waiting() != 2 || metrics.handshakes() != 3 || !ended(silent) || !ended(held[0]) || ended(held[3]) {
			t.Errorf("%d wait and %d were refused, want the last two of those who keep alive, and 3", gate.Waiting(), metrics.handshakes())
		}
		for _, conn := range append(append(held, taken...), silent) {
			_ = conn.Close()
		}
	})
}

// Nobody needs to be pushed out: who is silent goes by himself, half-way through TLS, too.
func TestWhoStopsHalfWayThroughTLSHasTenSeconds(t *testing.T) {
	files := newFiles(t)
	certificate := files.load(t)
	synctest.Test(t, func(t *testing.T) {
		gate, metrics, p := serveGate(t, 100, func(http.ResponseWriter, *http.Request) {}, certificate.Config())
		silent, half := p.dial(), p.dial()
		began := time.Now()
		if _, err := half.Write([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")); err != nil {
			t.Fatal(err)
		}
		for _, conn := range []net.Conn{silent, half} {
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if took := time.Since(began); took != 10*time.Second || gate.Waiting() != 0 || metrics.handshakes() != 0 {
			t.Errorf("took %v, %d wait, %d refused", took, gate.Waiting(), metrics.handshakes())
		}
	})
}

func TestAGateOfZeroIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, metrics, p := serveGate(t, 0, func(http.ResponseWriter, *http.Request) {}, nil)
		for range 20 {
			defer p.dial().Close()
		}
		synctest.Wait()
		if gate.Waiting() != 0 || metrics.handshakes() != 0 {
			t.Error("a gate without a limit counts")
		}
	})
}
