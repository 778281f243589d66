package socket

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder is a net.Conn that notes each Write.
type recorder struct {
	net.Conn
	mu     sync.Mutex
	writes [][]byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.writes = append(r.writes, bytes.Clone(p))
	r.mu.Unlock()
	return r.Conn.Write(p)
}

// frames are the writes after the handshake.
func (r *recorder) frames() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.writes), func(p []byte) bool { return bytes.HasPrefix(p, []byte("HTTP/")) })
}

// single is a listener with one connection.
type single struct {
	conn   net.Conn
	closed chan struct{}
	once   sync.Once
	given  bool
}

func (l *single) Accept() (net.Conn, error) {
	if !l.given {
		l.given = true
		return l.conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}
func (l *single) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *single) Addr() net.Addr { return l.conn.LocalAddr() }

const request = "GET / HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// upgrade takes far through the handshake, with early sent in the same segment as the request, and returns both ends' views.
func upgrade(t *testing.T, near, far net.Conn, early []byte, opts Options) (*Conn, *recorder) {
	t.Helper()
	if opts.ReadLimit == 0 {
		opts.ReadLimit = 1 << 20
	}
	r := &recorder{Conn: far}
	upgraded := make(chan *Conn, 1)
	listener := &single{conn: r, closed: make(chan struct{})}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := Upgrade(w, req, opts)
		if err != nil {
			t.Error(err)
		}
		upgraded <- c
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(listener) // http.ErrServerClosed
	}()
	go func() { _, _ = near.Write(append([]byte(request), early...)) }()
	var head []byte
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, one...) {
		if _, err := io.ReadFull(near, one); err != nil {
			t.Fatalf("handshake: %v after %q", err, head)
		}
	}
	if !strings.HasPrefix(string(head), "HTTP/1.1 101") {
		t.Fatalf("want 101, got %q", head)
	}
	c := <-upgraded
	t.Cleanup(func() {
		c.Close()
		_ = near.Close()
		_ = web.Close()
		<-served
	})
	return c, r
}

// masked is a frame as a client sends it.
func masked(first byte, payload string) []byte {
	frame := appendHeader(nil, 0, len(payload))
	frame[0] = first
	frame[1] |= 0x80
	mask := []byte{1, 2, 3, 4}
	frame = append(frame, mask...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^mask[i%4])
	}
	return frame
}

// readAll waits and reads until n messages have come.
func readAll(c *Conn, n int) ([]string, error) {
	var got []string
	for len(got) < n {
		message, err := c.Read()
		if err != nil {
			return got, err
		}
		if message == nil {
			if err := c.Wait(); err != nil {
				return got, err
			}
			continue
		}
		got = append(got, string(message))
	}
	return got, nil
}

// tcp returns two ends of a loopback connection.
func tcp(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if near, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	return near, far
}
