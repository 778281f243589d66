package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// What a client's message can be wrong about.
var (
	ErrBinary   = errors.New("socket: binary message")
	ErrTooBig   = errors.New("socket: message over the limit")
	ErrUTF8     = errors.New("socket: text message is not UTF-8")
	ErrProtocol = errors.New("socket: not the WebSocket protocol")
	ErrRefused  = errors.New("socket: frame refused") // by Options.OnFrame
)

// ClosedError is the peer's own close frame.
type ClosedError struct{ Code int }

func (e ClosedError) Error() string { return fmt.Sprintf("socket: closed by the peer with %d", e.Code) }

// Conn is one WebSocket connection of a server. One goroutine at a time reads; Write, Finish, GiveUp and Cut may be called by any.
type Conn struct {
	ws    *websocket.Conn
	limit atomic.Int64 // see SetReadLimit
	held  bool         // TryWrite left the wire locked for WriteRest
	wire  wire
}

// Wait blocks until the peer sends something, which Read then reads. It is here that a server's many idle connections stand, so it needs little
// stack: 2 KiB, the smallest that a goroutine has, are enough, where waiting inside coder/websocket takes 4. A goroutine keeps the stack that it
// needed once: to profit, call Wait on one that has not been in Read.
func (c *Conn) Wait() error { return c.wire.wait() }

// Read returns the next text message, or nil if what the peer has sent is used up: Wait then. Control frames are answered on the way. Within a
// message it blocks. Errors: ErrBinary, ErrTooBig, ErrUTF8 and ErrProtocol for what is wrong with the message, ErrRefused for a frame that
// OnFrame does not admit, ClosedError if the peer said goodbye, anything else if the connection is lost. After any error the connection is of
// no use for reading; see Discard.
//
// It relies on coder/websocket taking a read error between two messages for the reader's business, and not for the end of the connection: a
// test holds it to that.
func (c *Conn) Read() ([]byte, error) {
	message, _, err := c.read(false)
	return message, err
}

// ReadAny is Read for protocols that have binary messages too: it tells which kind it was, and nil without an error is again the end of what
// has come (an empty message is not nil).
func (c *Conn) ReadAny() (message []byte, binary bool, err error) { return c.read(true) }

func (c *Conn) read(any bool) (message []byte, binary bool, err error) {
	kind, body, err := c.ws.Reader(context.Background()) // without Done: no timer and no goroutine per read
	if errors.Is(err, errIdle) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, readError(err)
	}
	if binary = kind != websocket.MessageText; binary && !any {
		return nil, true, ErrBinary
	}
	limit := c.limit.Load()
	message, err = io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return nil, binary, readError(err)
	case int64(len(message)) > limit:
		return nil, binary, ErrTooBig
	case !binary && !utf8.Valid(message): // coder/websocket does not check
		return nil, binary, ErrUTF8
	}
	return message, binary, nil
}

// SetReadLimit is how many bytes a message may have that begins from now on. For anybody.
func (c *Conn) SetReadLimit(limit int) { c.limit.Store(int64(limit)) }

// readError sorts what coder/websocket reports: the peer's close frame, a frame refused, a lost connection, or else a fault in the protocol.
func readError(err error) error {
	var op *net.OpError
	switch code := websocket.CloseStatus(err); {
	case code != -1:
		return ClosedError{Code: int(code)}
	case errors.Is(err, ErrRefused),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed),
		errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &op):
		return fmt.Errorf("read websocket: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrProtocol, err)
}

// Write sends one or more whole frames in one write. It blocks until the kernel has them, 10 s for each 16 KiB at most. After an error the connection is
// of no more use for writing.
func (c *Conn) Write(frames []byte) error {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	return c.wire.put(frames)
}

// TryWrite sends one or more whole frames as far as that is possible without blocking, which costs no deadline and no allocation. What could not
// be sent is for WriteRest, which may block and so belongs on a goroutine of its own; until then nothing else is sent. One goroutine at a time.
func (c *Conn) TryWrite(a *Attempt, frames []byte) (rest []byte, err error) {
	if !c.wire.mu.TryLock() {
		return frames, nil // a pong is under way, and may be stuck
	}
	rest, err = c.wire.try(a, frames)
	if c.held = err == nil && len(rest) > 0; !c.held {
		c.wire.mu.Unlock()
	}
	return rest, err
}

// WriteRest sends what TryWrite could not.
func (c *Conn) WriteRest(rest []byte) error {
	if !c.held {
		return c.Write(rest)
	}
	c.held = false
	defer c.wire.mu.Unlock()
	return c.wire.put(rest)
}

// Finish sends the last frames, the last of which is a close frame with this code, and ends the sending half. The peer then has two
// seconds to answer, after which Read and Discard fail; it is for the reader to Close. Whoever sent a close frame before (coder/websocket
// may have) wins, and last is not sent.
func (c *Conn) Finish(code int, last []byte) {
	c.wire.mu.Lock()
	c.wire.giveUp()
	if c.wire.put(last) == nil {
		c.wire.seal(code)
	}
	whole := c.wire.sealed != broken
	c.wire.mu.Unlock()
	// The FIN right behind the close frame lets a peer that is still sending (a message over the limit) see the code: closing with
	// unread bytes would reset the connection and drop what the peer has not read yet. Under TLS it is TLS's own goodbye, which blocks where
	// the peer takes nothing; but then nor did it take the last frames.
	if half, ok := c.wire.conn.(interface{ CloseWrite() error }); ok && whole {
		_ = half.CloseWrite() // an error: the connection is gone, and the reader will see it
	}
	_ = c.wire.conn.SetReadDeadline(time.Now().Add(lingerTime))
}

// Discard reads whatever the peer still sends, until it closes or its time is over. For the reader, after Finish was called or is sure to
// be.
func (c *Conn) Discard() {
	var scratch [512]byte
	for total := 0; total < lingerBytes; {
		n, err := c.wire.conn.Read(scratch[:])
		if err != nil {
			return
		}
		total += n
	}
}

// GiveUp gives a write under way, and everything after it, one second. It does not block.
func (c *Conn) GiveUp() { c.wire.giveUp() }

// Cut closes the network connection at once and drops what the kernel still has to send, which for a peer that does not read would stay there for
// minutes. For anybody: the reader finds out and calls Close.
func (c *Conn) Cut() {
	if tcp, ok := c.wire.network().(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // closed already: too late
	}
	_ = c.wire.cut()
}

// Close closes the connection without a word (use Finish for that) and lets go of everything. For the reader, when it has done reading.
func (c *Conn) Close() { _ = c.ws.CloseNow() }

// Heard reports whether the peer has sent anything since the last call.
func (c *Conn) Heard() bool { return c.wire.heard.Swap(false) }

// Sealed returns the code of the close frame that was sent, by us or by coder/websocket, or 0.
func (c *Conn) Sealed() int {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	return max(c.wire.sealed, 0)
}

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.wire.RemoteAddr() }

// Subprotocol is what was selected in the handshake.
func (c *Conn) Subprotocol() string { return c.ws.Subprotocol() }
