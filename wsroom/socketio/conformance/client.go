package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/socketio"
	"notifier/wsroom/socketio/engineio"
)

// connectTimeout is long enough for three pings without a CONNECT, which a suite listens to, on a busy machine, too; and shorter than its patience. apart is
// how long after the answer to CONNECT the event comes: the suites listen for one message at a time, and what a client finds in one read it hands out
// at once, so that the second of two that come together is lost on them.
const (
	connectTimeout = 1500 * time.Millisecond
	apart          = 80 * time.Millisecond
)

var errOutOfPlace = errors.New("not at this stage of the connection")

// client is the Socket.IO side of one session: it answers what the suites send.
type client struct {
	session    *engineio.Session
	namespaces map[string]bool // that it is connected to
	packet     socketio.Packet // that waits for its attachments
	binaries   [][]byte
}

// Message implements engineio.Application.
func (c *client) Message(data []byte, binary bool) (*wsroom.Ending, error) {
	if binary != (c.packet.Attachments > len(c.binaries)) {
		return wsroom.ProtocolViolated, errOutOfPlace
	}
	if binary {
		c.binaries = append(c.binaries, bytes.Clone(data))
	} else {
		packet, err := socketio.ParsePacket(data)
		if err != nil {
			return wsroom.ProtocolViolated, fmt.Errorf("receive: %w", err)
		}
		packet.Data = bytes.Clone(packet.Data)
		c.packet, c.binaries = packet, nil
	}
	if c.packet.Attachments > len(c.binaries) {
		return nil, nil
	}
	if !c.received(c.packet) {
		return wsroom.ProtocolViolated, errOutOfPlace
	}
	c.packet, c.binaries = socketio.Packet{}, nil
	return nil, nil
}

// Describe implements engineio.Application.
func (*client) Describe() []slog.Attr { return nil }

// received carries out a packet whose attachments are here, and reports whether it was in its place.
func (c *client) received(p socketio.Packet) bool {
	if p.Kind == socketio.Connect {
		return c.connect(p)
	}
	if !c.namespaces[p.Namespace] {
		return false
	}
	switch p.Kind {
	case socketio.Disconnect:
		delete(c.namespaces, p.Namespace)
	case socketio.Event, socketio.BinaryEvent:
		c.event(p)
	default: // acks, which nobody waits for
	}
	return true
}

func (c *client) connect(p socketio.Packet) bool {
	switch {
	case p.Namespace != "/" && p.Namespace != "/custom":
		c.tell(socketio.Packet{Kind: socketio.ConnectError, Namespace: p.Namespace, Data: []byte(`{"message":"Invalid namespace"}`)})
		return true
	case c.namespaces[p.Namespace]:
		return false
	}
	c.namespaces[p.Namespace] = true
	auth := string(p.Data)
	if auth == "" {
		auth = "{}"
	}
	c.session.Expect(0)
	c.tell(socketio.Packet{Kind: socketio.Connect, Namespace: p.Namespace, Data: fmt.Appendf(nil, `{"sid":%q}`, engineio.NewID())})
	event := socketio.AppendPacket(nil, socketio.Packet{Kind: socketio.Event, Namespace: p.Namespace, Data: []byte(`["auth",` + auth + `]`)})
	c.session.Go(func(ctx context.Context) {
		select {
		case <-c.session.Member().Drained():
		case <-ctx.Done():
		}
		select {
		case <-time.After(apart):
			c.session.Tell(wsroom.NewMessage(event))
		case <-ctx.Done():
		}
	})
	return true
}

// event answers "message" and "message-with-ack" with what came.
func (c *client) event(p socketio.Packet) {
	var arguments []json.RawMessage
	if json.Unmarshal(p.Data, &arguments) != nil || len(arguments) == 0 {
		return // the parser has seen to that
	}
	switch string(arguments[0]) {
	case `"message"`:
		arguments[0] = []byte(`"message-back"`)
		c.tell(socketio.Packet{Kind: p.Kind, Namespace: p.Namespace, Data: array(arguments), Attachments: p.Attachments})
	case `"message-with-ack"`:
		kind := socketio.Ack
		if p.Kind == socketio.BinaryEvent {
			kind = socketio.BinaryAck
		}
		c.tell(socketio.Packet{Kind: kind, Namespace: p.Namespace, ID: p.ID, Data: array(arguments[1:]), Attachments: p.Attachments})
	}
}

// tell sends a packet, and the attachments that came with the one that it answers.
func (c *client) tell(p socketio.Packet) {
	c.session.Tell(wsroom.NewMessage(socketio.AppendPacket(nil, p)))
	for _, binary := range c.binaries {
		c.session.Tell(wsroom.NewBinaryMessage(binary))
	}
}

// array writes arguments as they came.
func array(arguments []json.RawMessage) []byte {
	dst := []byte{'['}
	for i, argument := range arguments {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, argument...)
	}
	return append(dst, ']')
}
