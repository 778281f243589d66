package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// Kind is the type of a packet: its first character.
type Kind byte

// The packet types of Socket.IO 5.
const (
	Connect      Kind = '0'
	Disconnect   Kind = '1'
	Event        Kind = '2'
	Ack          Kind = '3'
	ConnectError Kind = '4'
	BinaryEvent  Kind = '5'
	BinaryAck    Kind = '6'
)

// maxAttachments is how many binary attachments a packet may announce, as in the reference parser. maxDigits bounds an ack's id, which JavaScript
// counts up to 2^53.
const (
	maxAttachments = 10
	maxDigits      = 16
)

// ErrPacket reports what is not a packet.
var ErrPacket = errors.New("not a Socket.IO packet")

// Packet is one packet, without its attachments.
type Packet struct {
	Kind        Kind
	Namespace   string // "/" if it names none
	ID          string // of the ack that is asked for or given; "": none
	Data        []byte // JSON of the shape that its kind demands; aliases what was parsed
	Attachments int    // binary messages that follow
}

// ParsePacket reads the text of one packet: <kind>[<attachments>-][<namespace>,][<ack id>][<JSON>].
func ParsePacket(text []byte) (Packet, error) {
	if len(text) == 0 || text[0] < byte(Connect) || text[0] > byte(BinaryAck) {
		return Packet{}, ErrPacket
	}
	p := Packet{Kind: Kind(text[0]), Namespace: "/"}
	rest := text[1:]
	if p.binary() {
		count, behind, found := bytes.Cut(rest, []byte("-"))
		n, err := strconv.ParseUint(string(count), 10, 8)
		if !found || err != nil || n > maxAttachments {
			return Packet{}, ErrPacket
		}
		p.Attachments, rest = int(n), behind
	}
	if len(rest) > 0 && rest[0] == '/' {
		namespace, behind, _ := bytes.Cut(rest, []byte(","))
		p.Namespace, rest = string(namespace), behind
	}
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	p.ID, p.Data = string(rest[:digits]), rest[digits:]
	if digits > maxDigits || !p.wellFormed() {
		return Packet{}, ErrPacket
	}
	return p, nil
}

func (p *Packet) binary() bool { return p.Kind == BinaryEvent || p.Kind == BinaryAck }

// wellFormed looks at the shape of the data, as the reference parser does.
func (p *Packet) wellFormed() bool {
	if len(p.Data) > 0 && !json.Valid(p.Data) {
		return false
	}
	first := byte(0)
	if trimmed := bytes.TrimLeft(p.Data, " \t\r\n"); len(trimmed) > 0 {
		first = trimmed[0]
	}
	switch p.Kind {
	case Connect:
		return first == '{' || first == 0
	case Disconnect:
		return first == 0
	case ConnectError:
		return first == '{' || first == '"'
	case Event, BinaryEvent:
		return first == '[' && namesEvent(p.Data)
	default: // Ack, BinaryAck
		return first == '['
	}
}

// namesEvent reports whether an array begins with the name of an event, which may be a number, but none that means something to the library itself.
func namesEvent(data []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()    // of any size
	_, _ = decoder.Token() // the bracket
	name, err := decoder.Token()
	if err != nil {
		return false
	}
	switch name := name.(type) {
	case json.Number:
		return true
	case string:
		switch name {
		case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
			return false
		}
		return true
	}
	return false
}

// AppendHeader appends an Engine.IO message packet that holds everything of a packet but its data.
func AppendHeader(dst []byte, p Packet) []byte {
	dst = append(dst, '4', byte(p.Kind))
	if p.binary() {
		dst = append(strconv.AppendInt(dst, int64(p.Attachments), 10), '-')
	}
	if p.Namespace != "/" && p.Namespace != "" {
		dst = append(append(dst, p.Namespace...), ',')
	}
	return append(dst, p.ID...)
}

// AppendPacket appends an Engine.IO message packet that holds a packet.
func AppendPacket(dst []byte, p Packet) []byte { return append(AppendHeader(dst, p), p.Data...) }
