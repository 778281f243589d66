package bench

import (
	"encoding/binary"
	"errors"
)

// Of RFC 6455, section 5.2.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xa
)

// maxFrame is more than any server sends in one frame.
const maxFrame = 1 << 20

var errFrame = errors.New("a frame that no server sends: fragmented, masked or huge")

// split cuts the first frame off what was read. With ok false it is not complete yet.
func split(p []byte) (opcode byte, payload, rest []byte, ok bool, err error) {
	if len(p) < 2 {
		return 0, nil, p, false, nil
	}
	head, size := 2, int(p[1])
	switch size {
	case 126:
		head = 4
		if len(p) < head {
			return 0, nil, p, false, nil
		}
		size = int(binary.BigEndian.Uint16(p[2:]))
	case 127:
		head = 10
		if len(p) < head {
			return 0, nil, p, false, nil
		}
		if n := binary.BigEndian.Uint64(p[2:]); n <= maxFrame {
			size = int(n)
		} else {
			return 0, nil, p, false, errFrame
		}
	default:
		if size > 127 {
			return 0, nil, p, false, errFrame
		}
	}
	if p[0]&0xf0 != 0x80 {
		return 0, nil, p, false, errFrame
	}
	if len(p) < head+size {
		return 0, nil, p, false, nil
	}
	return p[0] & 0xf, p[head : head+size], p[head+size:], true, nil
}

// appendFrame appends a frame as a client sends it. Masked with zeros: the mask protects proxies from scripts, and there are none of either here.
func appendFrame(dst []byte, opcode byte, payload []byte) []byte {
	const masked = 0x80
	dst = append(dst, 0x80|opcode)
	if len(payload) < 126 {
		dst = append(dst, masked|byte(len(payload))) //nolint:gosec // just compared
	} else {
		dst = append(dst, masked|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(payload))) //nolint:gosec // a CONNECT with a token
	}
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, payload...)
}
