package socket

import "encoding/binary"

// Opcodes of RFC 6455, section 5.2, as far as a server sends them.
const (
	opText  = 0x1
	opBin   = 0x2
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xa
	fin     = 0x80
)

// MaxHeader is the longest header that a server's frame can have.
const MaxHeader = 10

// AppendText appends a whole text frame, header and payload, as a server sends it (final, unmasked).
func AppendText(dst, payload []byte) []byte {
	return append(appendHeader(dst, opText, len(payload)), payload...)
}

// AppendBinary is AppendText for a binary frame.
func AppendBinary(dst, payload []byte) []byte {
	return append(appendHeader(dst, opBin, len(payload)), payload...)
}

// AppendTextFunc appends a whole text frame around the payload that build appends. The payload is written once, behind room for the header
// that most events need; it moves only if it turns out shorter than 126 bytes or longer than 65,535.
func AppendTextFunc(dst []byte, build func(dst []byte) []byte) []byte {
	const usual = 4
	start := len(dst)
	dst = build(append(dst, make([]byte, usual)...))
	n := len(dst) - start - usual
	var room [MaxHeader]byte
	header := appendHeader(room[:0], opText, n)
	switch shift := len(header) - usual; {
	case shift > 0:
		dst = append(dst, room[:shift]...)
		copy(dst[start+len(header):], dst[start+usual:start+usual+n])
	case shift < 0:
		copy(dst[start+len(header):], dst[start+usual:])
		dst = dst[:len(dst)+shift]
	}
	copy(dst[start:], header)
	return dst
}

// Payload is what a whole frame of a server carries.
func Payload(frame []byte) []byte {
	switch frame[1] {
	case 126:
		return frame[4:]
	case 127:
		return frame[MaxHeader:]
	}
	return frame[2:]
}

// IsBinary reports whether a whole frame is a binary one.
func IsBinary(frame []byte) bool { return frame[0] == fin|opBin }

// Ping is an empty ping frame.
func Ping() []byte { return []byte{fin | opPing, 0} }

// Pong is the answer to a ping, whose payload has at most 125 bytes.
func Pong(payload []byte) []byte {
	return append([]byte{fin | opPong, byte(len(payload))}, payload...)
}

// AppendClose appends a close frame. A reason over 123 bytes is cut: a control frame has no room for more.
func AppendClose(dst []byte, code int, reason string) []byte {
	reason = reason[:min(len(reason), 123)]
	dst = append(dst, fin|opClose, byte(2+len(reason)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

func appendHeader(dst []byte, opcode byte, n int) []byte {
	dst = append(dst, fin|opcode)
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
}
