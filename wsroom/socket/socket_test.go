package socket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
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

// What coder/websocket is held to: an error between two messages does not end the connection, wherever the bytes happen to be cut.
func TestReadingGoesOnWhereverTheBytesAreCut(t *testing.T) {
	stream := slices.Concat(
		masked(0x89, "ping"), masked(0x81, "one"), masked(0x8a, ""),
		masked(0x01, "frag"), masked(0x89, "between"), masked(0x00, ""), masked(0x80, "ment"),
		masked(0x81, strings.Repeat("x", 300)), masked(0x8a, strings.Repeat("p", 125)), masked(0x81, strings.Repeat("y", 70_000)), masked(0x81, ""),
	)
	want := []string{"one", "fragment", strings.Repeat("x", 300), strings.Repeat("y", 70_000), ""}
	for _, cut := range []int{1, 2, 3, 5, 7, 14, 16, 127, 128, 129, 1000, len(stream)} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			near, far := net.Pipe()
			pings, pongs := 0, 0
			c, _ := upgrade(t, near, far, nil, Options{OnPing: func([]byte) bool { pings++; return false }, OnPong: func() { pongs++ }})
			go func() {
				for piece := range slices.Chunk(stream, cut) {
					if _, err := near.Write(piece); err != nil {
						return
					}
				}
			}()
			got, err := readAll(c, len(want))
			if err != nil || !slices.Equal(got, want) || pings != 2 || pongs != 2 {
				t.Errorf("want %d messages, 2 pings and 2 pongs, got %d, %d and %d, %v", len(want), len(got), pings, pongs, err)
			}
		})
	}
}

// Between two messages it is Wait that waits, on its short stack: Read comes back.
func TestReadDoesNotWaitBetweenMessages(t *testing.T) {
	near, far := net.Pipe()
	c, _ := upgrade(t, near, far, nil, Options{})
	go func() { _, _ = near.Write(slices.Concat(masked(0x81, "one"), masked(0x8a, ""))) }()
	got, err := readAll(c, 1)
	if err != nil || got[0] != "one" {
		t.Fatalf("want one, got %q, %v", got, err)
	}
	for range 2 { // the pong may come with the message or behind it
		if message, err := c.Read(); message != nil || err != nil {
			t.Errorf("want nothing, got %q, %v", message, err)
		}
	}
}

// A client may send its first frame without waiting for the answer to its handshake: net/http has it in its own buffer then.
func TestBytesBehindTheRequestAreNotLost(t *testing.T) {
	for _, size := range []int{3, 100, 1000, 3000, 10_000} {
		near, far := net.Pipe()
		c, _ := upgrade(t, near, far, masked(0x81, strings.Repeat("e", size)), Options{})
		got, err := readAll(c, 1)
		if err != nil || len(got[0]) != size {
			t.Errorf("%d: want the early message, got %d, %v", size, len(got), err)
		}
	}
}

// Whole control frames in one Write each: between two Writes of ours there is room for nothing else.
func TestControlFramesOfTheLibraryAreOneWriteEach(t *testing.T) {
	near, far := net.Pipe()
	c, r := upgrade(t, near, far, nil, Options{})
	go func() { _, _ = io.Copy(io.Discard, near) }()
	go func() {
		_, _ = near.Write(masked(0x89, strings.Repeat("p", 125)))
		_, _ = near.Write(masked(0x89, ""))
		_, _ = near.Write(masked(0x88, "\x03\xe8"+strings.Repeat("r", 123)))
	}()
	_, err := readAll(c, 1)
	var closed ClosedError
	if !errors.As(err, &closed) || closed.Code != 1000 {
		t.Fatalf("want closed with 1000, got %v", err)
	}
	frames := r.frames()
	if len(frames) != 3 || len(frames[0]) != 127 || len(frames[1]) != 2 || len(frames[2]) != 127 {
		t.Errorf("want a pong of 127 bytes, one of 2, and a close of 127, got %d: %q", len(frames), frames)
	}
	if c.Sealed() != 1000 {
		t.Errorf("want sealed with 1000, got %d", c.Sealed())
	}
}

func TestNothingFollowsACloseFrame(t *testing.T) {
	near, far := net.Pipe()
	c, r := upgrade(t, near, far, nil, Options{})
	go func() { _, _ = io.Copy(io.Discard, near) }()
	c.Finish(1012, AppendClose(nil, 1012, "restart"))
	if err := c.Write(AppendText(nil, []byte("late"))); !errors.Is(err, ErrSealed) {
		t.Errorf("want ErrSealed, got %v", err)
	}
	if _, err := c.TryWrite(NewAttempt(), AppendText(nil, []byte("late"))); !errors.Is(err, ErrSealed) {
		t.Errorf("want ErrSealed, got %v", err)
	}
	c.Finish(1001, AppendClose(nil, 1001, "again"))
	go func() {
		_, _ = near.Write(masked(0x89, "ping"))
		_, _ = near.Write(masked(0x88, "\x03\xf4"))
	}()
	var closed ClosedError
	if _, err := readAll(c, 1); !errors.As(err, &closed) || closed.Code != 1012 {
		t.Errorf("want the peer's answer, got %v", err)
	}
	if frames := r.frames(); len(frames) != 1 || string(frames[0]) != "\x88\x09\x03\xf4restart" {
		t.Errorf("want one close frame and nothing behind it, got %q", frames)
	}
}

// The end of the stream comes right behind the close frame, for a peer that is not reading it yet because it still sends.
func TestTheSendingHalfIsClosedBehindTheCloseFrame(t *testing.T) {
	near, far := tcp(t)
	c, _ := upgrade(t, near, far, nil, Options{})
	c.wire.conn = far
	c.Finish(1009, AppendClose(nil, 1009, ""))
	got, err := io.ReadAll(near)
	if err != nil || string(got) != "\x88\x02\x03\xf1" {
		t.Errorf("want the close frame and the end, got %q, %v", got, err)
	}
	if _, err := near.Write(make([]byte, 100<<10)); err != nil {
		t.Errorf("want the receiving half open, got %v", err)
	}
	_ = near.Close()
	c.Discard()
}

func TestTheLibrarysOwnCloseIsNoticed(t *testing.T) {
	near, far := net.Pipe()
	c, _ := upgrade(t, near, far, nil, Options{})
	go func() { _, _ = io.Copy(io.Discard, near) }()
	go func() { _, _ = near.Write(masked(0xf1, "reserved bits")) }()
	if _, err := readAll(c, 1); !errors.Is(err, ErrProtocol) {
		t.Errorf("want ErrProtocol, got %v", err)
	}
	if c.Sealed() != 1002 {
		t.Errorf("want 1002, got %d", c.Sealed())
	}
}

func TestFaultsOfMessages(t *testing.T) {
	tests := []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"binary", masked(0x82, "x"), ErrBinary},
		{"over the limit", masked(0x81, strings.Repeat("x", 101)), ErrTooBig},
		{"over the limit in fragments", slices.Concat(masked(0x01, strings.Repeat("x", 60)), masked(0x80, strings.Repeat("x", 60))), ErrTooBig},
		{"broken UTF-8", masked(0x81, "\xc3\x28"), ErrUTF8},
		{"no mask", AppendText(nil, []byte("x")), ErrProtocol},
		{"a continuation of nothing", masked(0x80, "x"), ErrProtocol},
		{"a control frame in fragments", masked(0x09, "x"), ErrProtocol},
		{"a close frame of one byte", masked(0x88, "x"), ErrProtocol},
		{"the end in a header", masked(0x81, "x")[:1], io.ErrUnexpectedEOF},
		{"the end in a message", masked(0x81, "xyz")[:7], io.ErrUnexpectedEOF},
		{"the end", nil, io.EOF},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			near, far := net.Pipe()
			c, _ := upgrade(t, near, far, nil, Options{ReadLimit: 100})
			go func() {
				_, _ = near.Write(test.bytes)
				if errors.Is(test.want, io.EOF) || errors.Is(test.want, io.ErrUnexpectedEOF) {
					_ = near.Close()
					return
				}
				_, _ = io.Copy(io.Discard, near)
			}()
			_, err := readAll(c, 1)
			if !errors.Is(err, test.want) && !(errors.Is(test.want, io.ErrUnexpectedEOF) && errors.Is(err, io.EOF)) {
				t.Errorf("want %v, got %v", test.want, err)
			}
		})
	}
}

// A kernel that takes a part leaves the rest, and whoever writes meanwhile waits for it.
func TestWhatTheKernelDoesNotTakeIsWrittenFirst(t *testing.T) {
	near, far := tcp(t)
	c, _ := upgrade(t, near, far, nil, Options{})
	c.wire.raw, _ = far.(*net.TCPConn).SyscallConn()
	big := AppendText(nil, bytes.Repeat([]byte("b"), 32<<20))
	attempt := NewAttempt()
	rest, err := c.TryWrite(attempt, big)
	if err != nil || len(rest) == 0 || len(rest) >= len(big) {
		t.Fatalf("want a part taken, got %d of %d left, %v", len(rest), len(big), err)
	}
	if again, err := c.TryWrite(attempt, Ping()); err != nil || len(again) != 2 {
		t.Errorf("want the connection held, got %q, %v", again, err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		if err := c.WriteRest(rest); err != nil {
			t.Error(err)
		}
	})
	done.Go(func() {
		if err := c.Write(Ping()); err != nil {
			t.Error(err)
		}
	})
	got := make([]byte, len(big)+2)
	if _, err := io.ReadFull(near, got); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	if !bytes.Equal(got[:len(big)], big) || !bytes.Equal(got[len(big):], Ping()) {
		t.Error("want the whole frame and then the ping")
	}
	if rest, err := c.TryWrite(attempt, Ping()); err != nil || len(rest) != 0 {
		t.Errorf("want a ping taken at once, got %q left, %v", rest, err)
	}
}

func TestTryWriteAllocatesNothing(t *testing.T) {
	near, far := tcp(t)
	c, _ := upgrade(t, near, far, nil, Options{})
	c.wire.raw, _ = far.(*net.TCPConn).SyscallConn()
	go func() { _, _ = io.Copy(io.Discard, near) }()
	attempt, frame := NewAttempt(), AppendText(nil, []byte("frame"))
	allocs := testing.AllocsPerRun(100, func() {
		if rest, err := c.TryWrite(attempt, frame); err != nil || len(rest) > 0 {
			t.Errorf("want it taken, got %q left, %v", rest, err)
		}
	})
	if allocs != 0 {
		t.Errorf("want none, got %v", allocs)
	}
}

func TestAPeerThatIsGivenUpHasASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c, _ := upgrade(t, near, far, nil, Options{})
		began := time.Now()
		failed := make(chan error, 1)
		go func() { failed <- c.Write(AppendText(nil, []byte("nobody reads this"))) }()
		time.Sleep(3 * time.Second)
		c.GiveUp()
		if err := <-failed; err == nil {
			t.Error("want the write to fail")
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("want 4s, got %v", took)
		}
		if err := c.Write(Ping()); !errors.Is(err, ErrSealed) {
			t.Errorf("want nothing behind a frame that was cut, got %v", err)
		}
	})
}

func TestASlowPeerHasTenSecondsForEachPiece(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c, _ := upgrade(t, near, far, nil, Options{})
		frame := AppendText(nil, bytes.Repeat([]byte("s"), 100<<10))
		failed := make(chan error, 1)
		go func() { failed <- c.Write(frame) }()
		for range 7 {
			time.Sleep(9 * time.Second)
			if _, err := io.CopyN(io.Discard, near, min(int64(len(frame)), pieceBytes)); err != nil && !errors.Is(err, io.EOF) {
				break
			}
			frame = frame[min(len(frame), pieceBytes):]
			if len(frame) == 0 {
				break
			}
		}
		if err := <-failed; err != nil {
			t.Error(err)
		}
	})
}

// The client library reads what we frame, at every length of header.
func TestFramesAreReadByAClient(t *testing.T) {
	near, far := tcp(t)
	lengths := []int{0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Upgrade(w, r, Options{})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for _, n := range lengths {
			frame := AppendTextFunc([]byte("prefix"), func(dst []byte) []byte { return append(dst, bytes.Repeat([]byte("f"), n)...) })
			if !bytes.Equal(frame[6:], AppendText(nil, bytes.Repeat([]byte("f"), n))) {
				t.Errorf("%d: want both ways to frame to agree", n)
			}
			_ = c.Write(frame[6:])
		}
		c.Finish(4401, AppendClose(nil, 4401, strings.Repeat("r", 200)))
		c.Discard()
	})}
	listener := &single{conn: far, closed: make(chan struct{})}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(listener) }()
	defer func() { _ = web.Close(); <-served }()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
	client, _, err := websocket.Dial(t.Context(), "ws://x.example/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	client.SetReadLimit(-1)
	for _, n := range lengths {
		_, got, err := client.Read(t.Context())
		if err != nil || len(got) != n {
			t.Fatalf("want %d bytes, got %d, %v", n, len(got), err)
		}
	}
	var closed websocket.CloseError
	if _, _, err = client.Read(t.Context()); !errors.As(err, &closed) || closed.Code != 4401 || len(closed.Reason) != 123 {
		t.Errorf("want 4401 with a reason cut to 123 bytes, got %v", err)
	}
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
