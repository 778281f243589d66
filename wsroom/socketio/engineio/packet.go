package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"

	"notifier/wsroom"
)

// Kind is the type of a packet: the first character of its text form.
type Kind byte

// The packet types of Engine.IO 4.
const (
	Open    Kind = '0'
	Close   Kind = '1'
	Ping    Kind = '2'
	Pong    Kind = '3'
	Message Kind = '4'
	Upgrade Kind = '5'
	Noop    Kind = '6'
)

// Separator stands between the packets of a payload.
const Separator = 0x1e

// ErrPacket reports what is not a packet.
var ErrPacket = errors.New("not an Engine.IO packet")

// Packet is one packet.
type Packet struct {
	Kind   Kind
	Data   []byte // aliases what was parsed, but for binary data in a payload
	Binary bool   // only messages are
}

// ParsePacket reads a packet from a WebSocket message: a binary one is a message's data, without a type.
func ParsePacket(message []byte, binary bool) (Packet, error) {
	switch {
	case binary:
		return Packet{Kind: Message, Data: message, Binary: true}, nil
	case len(message) == 0 || message[0] < byte(Open) || message[0] > byte(Noop):
		return Packet{}, ErrPacket
	}
	return Packet{Kind: Kind(message[0]), Data: message[1:]}, nil
}

// NextPacket reads the first packet of a long-polling payload and returns what is behind it; more reports whether there is another.
func NextPacket(payload []byte) (p Packet, rest []byte, more bool, err error) {
	first, rest, more := bytes.Cut(payload, []byte{Separator})
	if len(first) == 0 || first[0] != 'b' {
		p, err = ParsePacket(first, false)
		return p, rest, more, err
	}
	data, err := base64.StdEncoding.DecodeString(string(first[1:]))
	if err != nil {
		return Packet{}, nil, false, ErrPacket // the decoder's error quotes a byte of the client's
	}
	return Packet{Kind: Message, Data: data, Binary: true}, rest, more, nil
}

// appendPayload joins messages to the payload of a long-polling response.
func appendPayload(dst []byte, messages []*wsroom.Message) []byte {
	for i, m := range messages {
		if i > 0 {
			dst = append(dst, Separator)
		}
		if m.Binary() {
			dst = base64.StdEncoding.AppendEncode(append(dst, 'b'), m.Payload())
			continue
		}
		dst = append(dst, m.Payload()...)
	}
	return dst
}
