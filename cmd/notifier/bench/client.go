package bench

import (
	"bytes"
	"fmt"
)

// stage is how far a client has come.
type stage uint8

const (
	idle      stage = iota // has no connection
	upgrading              // the handshake was sent
	joining                // the WebSocket is open
	joined
)

// client is one socket's side of the protocol: it does no I/O. One goroutine at a time.
type client struct {
	swarm   *swarm
	link    link   // nil: none
	account int    // its index
	token   string // shared by the account's
	stage   stage
	rest    []byte   // of a frame that is not complete
	seen    []uint64 // a bit for each of the account's appointments
	cursor  []byte   // the id of the last event
	stream  *Stream  // nil: only counted
	door    int      // where it is, of the swarm's
	pid     string   // of Socket.IO's recovery
}

// upgrade is the same for all: a server answers to the key whatever it is (RFC 6455, section 4.2.2).
const upgrade = "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// opening is the handshake, which asks for what was missed if the client was connected before.
func (c *client) opening() []byte {
	c.stage, c.rest = upgrading, nil
	t := c.swarm.target
	request := make([]byte, 0, 512)
	if t.Protocol == Plain {
		request = append(request, "GET /ws"...)
		if len(c.cursor) > 0 {
			request = append(append(request, "?cursor="...), c.cursor...)
		}
		request = append(append(request, " HTTP/1.1\r\nAuthorization: Bearer "...), c.token...)
	} else {
		request = append(request, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1"...)
	}
	request = append(append(request, "\r\nHost: "...), c.swarm.host...)
	return append(request, upgrade...)
}

// hear takes what was read at this time and returns what is to be answered. It does not keep p.
func (c *client) hear(p []byte, now int64) (answer []byte, err error) {
	if len(c.rest) > 0 {
		p = append(c.rest, p...)
		c.rest = nil
	}
	if c.stage == upgrading {
		head, rest, found := bytes.Cut(p, []byte("\r\n\r\n"))
		if !found && len(p) < 16<<10 {
			c.rest = bytes.Clone(p)
			return nil, nil
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
			line, _, _ := bytes.Cut(p, []byte("\r\n"))
			return nil, fmt.Errorf("the handshake was answered with %q", clip(line))
		}
		c.stage, p = joining, rest
	}
	for {
		opcode, payload, rest, ok, err := split(p)
		if err != nil {
			return answer, err
		}
		if !ok {
			if len(rest) > 0 {
				c.rest = bytes.Clone(rest)
			}
			return answer, nil
		}
		p = rest
		switch opcode {
		case opText:
			answer, err = c.text(payload, now, answer)
		case opPing:
			answer = appendFrame(answer, opPong, payload)
		case opClose:
			err = fmt.Errorf("closed by the server: %q", clip(payload))
		}
		if err != nil {
			return answer, err
		}
	}
}

func (c *client) text(payload []byte, now int64, answer []byte) ([]byte, error) {
	if c.swarm.target.Protocol == Plain {
		return answer, c.plain(payload, now)
	}
	return c.packet(payload, now, answer)
}

var (
	plainEvent     = []byte(`{"type":"event",`)
	plainWelcome   = []byte(`{"type":"welcome",`)
	plainError     = []byte(`{"type":"error",`)
	plainCursor    = []byte(`"cursor":"`)
	plainID        = []byte(`"id":"`)
	plainRecovered = []byte(`"recovered":true`)
	plainData      = []byte(`"event":"appointmnents.finished","data":{"id":`)
)

// plain takes a frame of the plain protocol.
func (c *client) plain(payload []byte, now int64) error {
	switch {
	case bytes.HasPrefix(payload, plainEvent):
		if after := payload[len(plainEvent):]; bytes.HasPrefix(after, plainID) {
			c.keep(after[len(plainID):])
		}
		if _, data, found := bytes.Cut(payload, plainData); found {
			c.delivered(number(data), len(payload), now)
		}
	case bytes.HasPrefix(payload, plainWelcome):
		if _, cursor, found := bytes.Cut(payload, plainCursor); found {
			c.keep(cursor)
		}
		c.joined(bytes.Contains(payload, plainRecovered), now)
	case bytes.HasPrefix(payload, plainError):
		return fmt.Errorf("refused: %s", clip(payload))
	}
	return nil
}

var socketIOEvent = []byte(`42["appointmnents.finished",{"id":`)

// packet takes a packet of Engine.IO 4.
func (c *client) packet(payload []byte, now int64, answer []byte) ([]byte, error) {
	switch {
	case len(payload) == 0:
	case bytes.HasPrefix(payload, socketIOEvent):
		c.delivered(number(payload[len(socketIOEvent):]), len(payload), now)
		if tail := bytes.TrimSuffix(payload, []byte(`"]`)); len(tail) < len(payload) && c.pid != "" {
			c.cursor = append(c.cursor[:0], tail[bytes.LastIndexByte(tail, '"')+1:]...)
		}
	case payload[0] == '2':
		answer = appendFrame(answer, opText, []byte("3"))
	case payload[0] == '0':
		answer = appendFrame(answer, opText, c.connect())
	case bytes.HasPrefix(payload, []byte(`40{`)):
		before := c.pid
		if _, pid, found := bytes.Cut(payload, []byte(`"pid":"`)); found {
			c.pid = string(quoted(pid))
		}
		c.joined(c.pid == before, now)
	case bytes.HasPrefix(payload, []byte("44")), bytes.HasPrefix(payload, []byte("41")):
		return answer, fmt.Errorf("refused: %s", clip(payload))
	}
	return answer, nil
}

// connect is the CONNECT packet.
func (c *client) connect() []byte {
	packet := append([]byte(`40{"token":"`), c.token...)
	if c.pid != "" {
		packet = append(append(packet, `","pid":"`...), c.pid...)
		packet = append(append(packet, `","offset":"`...), c.cursor...)
	}
	return append(packet, `"}`...)
}

// joined takes a welcome. It is recovered if the server goes on where the client was.
func (c *client) joined(recovered bool, now int64) {
	if c.stage == joining {
		c.stage = joined
		c.stream.joined(recovered, now)
		c.swarm.joined(now)
	}
}

// delivered takes an event's appointment.
func (c *client) delivered(id int64, size int, now int64) {
	c.swarm.score.delivered(c, id, size, now)
	c.stream.hear(id)
}

// keep remembers where the client is, for when it comes back.
func (c *client) keep(from []byte) { c.cursor = append(c.cursor[:0], quoted(from)...) }

// quoted is what stands in front of the next quote.
func quoted(p []byte) []byte {
	if end := bytes.IndexByte(p, '"'); end >= 0 {
		return p[:end]
	}
	return nil
}

// number reads digits.
func number(p []byte) (n int64) {
	for _, digit := range p {
		if digit < '0' || digit > '9' {
			break
		}
		n = n*10 + int64(digit-'0')
	}
	return n
}

// clip is as much of what a server said as belongs into an error. None of it is of a patient: events never get here.
func clip(p []byte) []byte { return p[:min(len(p), 120)] }
