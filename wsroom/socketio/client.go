package socketio

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"notifier/wsroom"
	"notifier/wsroom/socketio/engineio"
)

var (
	errState      = errors.New("not at this stage of the connection")
	errAttachment = errors.New("binary attachments are missing, or too many")
)

// client is the Socket.IO side of one session. A session outlives its connection to the namespace: after a refusal, or a DISCONNECT of the client's, it
// stays open and may connect again.
type client struct {
	handler *handler
	session *engineio.Session
	token   string // of the opening request

	// Of the packet that is being received, by the one goroutine that delivers messages.
	attachments int
	ack         string

	mu      sync.Mutex
	stage   stage
	opening bool       // the opener is at work, also beyond the welcome
	auth    handshake  // of the CONNECT that is being carried out, or was
	told    bool       // its welcome was
	again   *handshake // of a CONNECT that came while the opener was still at the one before
	dropped int        // events of the client
}

type stage uint8

const (
	outside  stage = iota // not connected to the namespace
	entering              // CONNECT came, its answer has not gone out
	connectedStage
	parting // DISCONNECT came while the opener was at work
)

// Message implements engineio.Application.
func (c *client) Message(data []byte, binary bool) (reason *wsroom.Ending, cause error) {
	if binary != (c.attachments > 0) {
		return wsroom.ProtocolViolated, errAttachment
	}
	if binary {
		if c.attachments--; c.attachments == 0 {
			c.acknowledge(c.ack)
		}
		return nil, nil
	}
	packet, err := ParsePacket(data)
	if err != nil {
		return wsroom.ProtocolViolated, fmt.Errorf("receive: %w", err)
	}
	if !c.received(packet) {
		return wsroom.ProtocolViolated, fmt.Errorf("receive packet of kind %c: %w", packet.Kind, errState)
	}
	return nil, nil
}

// received carries out a packet and reports whether it was in its place.
func (c *client) received(p Packet) bool {
	if p.Namespace != "/" {
		return p.Kind == Connect && c.session.Tell(noNamespace(p.Namespace))
	}
	switch p.Kind {
	case Connect:
		return c.connect(parseHandshake(p.Data))
	case Disconnect:
		return c.disconnect()
	case Event, BinaryEvent:
		if !c.drop() {
			return false
		}
		if c.attachments, c.ack = p.Attachments, p.ID; p.Attachments == 0 {
			c.acknowledge(p.ID)
		}
		return true
	case Ack, BinaryAck: // we ask for none
		c.attachments, c.ack = p.Attachments, ""
		return c.drop()
	default:
		return false
	}
}

// acknowledge answers an event that asks for it, so that emitWithAck never hangs.
func (c *client) acknowledge(id string) {
	if id != "" {
		c.session.Tell(acknowledged(id))
	}
}

// drop counts what is not looked at further, and reports whether the client may emit anything at all.
func (c *client) drop() bool {
	c.handler.Metrics.ClientEventDropped()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	return c.stage == connectedStage
}

// disconnect leaves the namespace; the session stays.
func (c *client) disconnect() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.again != nil:
		c.again = nil
		return true
	case c.stage != connectedStage && c.stage != entering:
		return false
	case c.opening:
		c.stage = parting
		c.session.Interrupt()
		return true
	}
	c.part()
	return true
}

// part takes the client out of its room. It has as long to come in again as one that is new. Under mu.
func (c *client) part() {
	c.stage = outside
	c.session.Member().Part()
	c.session.Expect(c.handler.ConnectTimeout)
}

// Describe implements engineio.Application.
func (c *client) Describe() []slog.Attr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped == 0 {
		return nil
	}
	return []slog.Attr{slog.Int("events_dropped", c.dropped)}
}
