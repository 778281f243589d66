package socket

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/coder/websocket"
)

// bufferSize is what coder/websocket reads and writes through. 128 bytes hold any control frame (2 + 125), so each is one Write;
// payloads that are longer are read past the buffer.
const bufferSize = 128

// Options of Upgrade. The zero value has no subprotocol and a read limit of zero: set one.
type Options struct {
	Subprotocols []string // what the server speaks; the first that the client offers is selected
	ReadLimit    int      // bytes of one message; see Conn.SetReadLimit

	// HoldAnswer keeps the answer to the handshake back for the first frames, so that both go out in one write: for a server that speaks first, and
	// at once. What is not written within answerPatience leaves without them.
	HoldAnswer bool

	// OnFrame and OnPing are called by the reader, inside Read, and may be nil.
	//
	// OnFrame is asked about each frame that begins, be it a message, a fragment of one, a ping or a pong; up to 128 bytes before coder/websocket comes
	// to it. With false Read fails with ErrRefused, when everything before that frame has been read.
	OnFrame func() bool
	// OnPing returns whether coder/websocket shall answer, which blocks the reader while something else is being written, and after five seconds of
	// that costs the connection.
	OnPing func(payload []byte) bool
}

// Upgrade answers the handshake and returns the connection. On an error it has answered with an HTTP status. The Origin is not
// looked at: the caller does that, and may want to tell the browser by a close code. Nothing of w or r is kept.
func Upgrade(w http.ResponseWriter, r *http.Request, opts Options) (*Conn, error) {
	c := &Conn{wire: wire{onFrame: opts.OnFrame}}
	c.SetReadLimit(opts.ReadLimit)
	accept := &websocket.AcceptOptions{Subprotocols: opts.Subprotocols, InsecureSkipVerify: true}
	if onPing := opts.OnPing; onPing != nil {
		accept.OnPingReceived = func(_ context.Context, payload []byte) bool { return onPing(payload) }
	}
	ws, err := websocket.Accept(&hijacker{ResponseWriter: w, wire: &c.wire}, r, accept)
	if err != nil {
		if c.wire.conn != nil {
			_ = c.wire.Close()
		}
		return nil, fmt.Errorf("accept websocket: %w", err)
	}
	ws.SetReadLimit(-1) // Read has its own: it must be able to say why before it closes
	c.ws = ws
	if opts.HoldAnswer {
		c.wire.holdAnswer()
	} else {
		c.wire.answerNow()
	}
	return c, nil
}

// hijacker hands coder/websocket the wire and small buffers, and leaves the answer to the handshake to the wire.
type hijacker struct {
	http.ResponseWriter
	wire *wire
}

// WriteHeader implements http.ResponseWriter. net/http would write the answer that switches protocols at once, in a write of its own.
func (h *hijacker) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		h.ResponseWriter.WriteHeader(status)
	}
}

// answer is what switches protocols (RFC 6455, section 4.2.2), with all that the header holds.
func (h *hijacker) answer() []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Header().Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	return b.Bytes()
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("hijack connection: %w", err)
	}
	h.wire.conn, h.wire.answer = conn, &answer{text: h.answer()}
	if descriptor, ok := conn.(syscall.Conn); ok {
		h.wire.raw, _ = descriptor.SyscallConn() // it fails on a closed connection only
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n) // n bytes are buffered: no error
		h.wire.pre = bytes.Clone(early)
	}
	return h.wire, bufio.NewReadWriter(
		bufio.NewReaderSize(h.wire, bufferSize),
		bufio.NewWriterSize(h.wire, bufferSize),
	), nil
}
