package socket

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// How long a write may take. Deadlines are set only for writes that may block: most do not, see Conn.TryWrite.
const (
	writeTimeout = 10 * time.Second // for pieceBytes
	pieceBytes   = 16 << 10
	closeTimeout = time.Second     // for the last frame, and for a write under way when the peer is given up
	lingerTime   = 2 * time.Second // how long the peer may take to answer a close frame
	lingerBytes  = 4 << 20         // and how much it may have had under way

	answerPatience = time.Second // how long the answer to a handshake waits for the first frames: see Options.HoldAnswer
)

// ErrSealed reports a write after a close frame.
var ErrSealed = errors.New("socket: a close frame was sent")

// errIdle says that nothing has begun that coder/websocket would have to finish reading.
var errIdle = errors.New("socket: between two messages")

// wire is the net.Conn under coder/websocket and under our own frames. mu is held for whole frames. What coder writes are control
// frames only (we never call its Write), each at most 127 bytes, and each in one Write because its buffer has 128.
type wire struct {
	conn net.Conn

	// The reader's: what was read before coder/websocket asked for it, where its bytes stand, and room for the first bytes after a wait.
	pre   []byte
	at    boundary
	first [16]byte

	onFrame func() bool // see Options.OnFrame

	mu     sync.Mutex
	answer *answer         // to the handshake, as long as it is not sent: it goes out before the first frames
	sealed int             // the code of the close frame that went out, or the marker broken; 0: open
	raw    syscall.RawConn // for attempts; nil: conn has no descriptor of its own (TLS, a pipe)

	hurry atomic.Bool // the peer is given up: writes have closeTimeout
	heard atomic.Bool // bytes came in since the last call of Conn.Heard
	shut  atomic.Bool // the connection is closed
}

// broken marks a wire whose last write failed: a frame may have been cut in two, so not even a close frame may follow.
const broken = -1

// wait blocks until the peer sends something, on a short stack: see Conn.Wait.
func (w *wire) wait() error {
	if len(w.pre) > 0 {
		return nil
	}
	n, err := w.conn.Read(w.first[:])
	if n == 0 {
		return err
	}
	w.heard.Store(true)
	w.pre = w.first[:n]
	return nil
}

// Read implements net.Conn for coder/websocket. Between two messages it does not block but returns errIdle, so that the reader gets back to wait.
// Behind the last frame that is admitted it returns ErrRefused: this is the only place that sees the fragments of a message, which coder/websocket
// puts together without asking anybody.
func (w *wire) Read(p []byte) (n int, err error) {
	switch {
	case len(w.pre) > 0:
		n = copy(p, w.pre)
		w.pre = w.pre[n:]
	case w.at.between():
		return 0, errIdle
	default:
		if n, err = w.conn.Read(p); n > 0 {
			w.heard.Store(true)
		}
	}
	if passed := w.at.pass(p[:n], w.admit); passed < n {
		return passed, ErrRefused
	}
	return n, err
}

// admit asks about a frame. A close frame is always welcome: nothing is read behind it.
func (w *wire) admit(opcode byte) bool {
	return opcode == opClose || w.onFrame == nil || w.onFrame()
}

// Write implements net.Conn for coder/websocket: p is one whole control frame. After a close frame it reports success and writes
// nothing, so that coder answers a peer's close frame without knowing that ours is already out.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sealed > 0 {
		return len(p), nil
	}
	if len(p) >= 2 && p[0] == fin|opClose {
		defer w.seal(closeCode(p))
	}
	return len(p), w.put(p)
}

// put writes whole frames, under mu. It blocks, but not for longer than writeTimeout for each piece: a slow client is one that takes less.
func (w *wire) put(p []byte) error {
	if w.sealed != 0 {
		return ErrSealed
	}
	p = w.answered(p)
	defer w.deadline(0)
	for len(p) > 0 {
		piece := p[:min(len(p), pieceBytes)]
		w.deadline(writeTimeout)
		if _, err := w.conn.Write(piece); err != nil {
			w.sealed = broken
			return err
		}
		p = p[len(piece):]
	}
	return nil
}

// try writes what the kernel takes at once, under mu. When that is a part, the rest must be put before anything else.
func (w *wire) try(a *Attempt, p []byte) (rest []byte, err error) {
	if w.sealed != 0 {
		return nil, ErrSealed
	}
	if w.raw == nil {
		return p, nil
	}
	p = w.answered(p)
	n, err := a.on(w.raw, p)
	if err != nil {
		w.sealed = broken
		return nil, err
	}
	return p[n:], nil
}

// answer is that to a handshake.
type answer struct {
	text     []byte
	patience *time.Timer // when it leaves without a frame; nil: at once
}

// holdAnswer leaves the answer to the first frames, for answerPatience at most.
func (w *wire) holdAnswer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer.patience = time.AfterFunc(answerPatience, w.answerNow)
}

// answerNow sends the answer to the handshake if no frame has brought it along.
func (w *wire) answerNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answer != nil {
		_ = w.put(nil) // an error: whoever reads or writes next will see it
	}
}

// answered puts the answer to the handshake before the first frames. Under mu, and whoever gets it writes it.
func (w *wire) answered(p []byte) []byte {
	a := w.answer
	if a == nil {
		return p
	}
	w.answer = nil
	if a.patience != nil {
		a.patience.Stop()
	}
	return append(a.text, p...)
}

// deadline sets the write deadline, or with 0 takes it away, unless the peer has been given up: its deadline stays. That is looked at again
// afterwards, because it may happen in between.
func (w *wire) deadline(d time.Duration) {
	if w.hurry.Load() {
		return
	}
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	_ = w.conn.SetWriteDeadline(at) // on a closed connection: the write says so
	if w.hurry.Load() {
		_ = w.conn.SetWriteDeadline(time.Now().Add(closeTimeout))
	}
}

// seal ends the sending half. Under mu.
func (w *wire) seal(code int) {
	if w.sealed == 0 {
		w.sealed = code
	}
}

// giveUp gives a write under way, and everything after it, closeTimeout. It never blocks.
func (w *wire) giveUp() {
	w.hurry.Store(true)
	_ = w.conn.SetWriteDeadline(time.Now().Add(closeTimeout))
}

// Close implements net.Conn for coder/websocket, which closes when it has answered a close frame. TLS says goodbye, for which it may wait five
// seconds: not to a peer that has been given up, or has had its goodbye from Conn.Finish.
func (w *wire) Close() error {
	if w.hurry.Load() {
		return w.cut()
	}
	if w.shut.Swap(true) {
		return nil
	}
	return w.conn.Close()
}

// cut closes the network connection without a word.
func (w *wire) cut() error {
	if w.shut.Swap(true) {
		return nil
	}
	return w.network().Close()
}

// network is the connection under TLS, or conn itself.
func (w *wire) network() net.Conn {
	if secure, ok := w.conn.(interface{ NetConn() net.Conn }); ok {
		return secure.NetConn()
	}
	return w.conn
}

// closeCode reads the code out of a close frame without a mask.
func closeCode(frame []byte) int {
	if len(frame) < 4 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(frame[2:]))
}

// The rest of net.Conn. coder/websocket uses none of it.

func (w *wire) LocalAddr() net.Addr                { return w.conn.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr               { return w.conn.RemoteAddr() }
func (w *wire) SetDeadline(t time.Time) error      { return w.conn.SetDeadline(t) }
func (w *wire) SetReadDeadline(t time.Time) error  { return w.conn.SetReadDeadline(t) }
func (w *wire) SetWriteDeadline(t time.Time) error { return w.conn.SetWriteDeadline(t) }
