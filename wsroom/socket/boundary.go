package socket

import "encoding/binary"

// boundary follows the bytes that the peer sends, to know where they stand, between two messages or within one, and to see each frame begin. It judges
// nothing; that is coder/websocket's work.
type boundary struct {
	header [14]byte // of the frame that has begun, as far as it is here
	have   uint8
	open   bool   // a fragmented message goes on in the next frame
	skip   uint64 // bytes of payload still to come
}

// between reports whether everything that began has ended.
func (b *boundary) between() bool { return b.have == 0 && b.skip == 0 && !b.open }

// pass takes the next bytes into account and returns how many. It asks admit about each frame whose header is complete, and if that says no it stops
// before the header's last byte: whoever is given only the bytes that passed never sees the frame.
func (b *boundary) pass(p []byte, admit func(opcode byte) bool) (passed int) {
	for passed < len(p) {
		rest := p[passed:]
		if b.skip > 0 {
			n := min(b.skip, uint64(len(rest)))
			b.skip -= n
			passed += int(n)
			continue
		}
		n := copy(b.header[b.have:b.headerLen()], rest)
		b.have += uint8(n)
		passed += n
		if int(b.have) < b.headerLen() {
			continue
		}
		if !admit(b.header[0] & 0x0f) {
			b.have--
			return passed - 1
		}
		b.begin()
	}
	return passed
}

// headerLen is how long the header is, as far as its first two bytes have told.
func (b *boundary) headerLen() int {
	if b.have < 2 {
		return 2
	}
	n := 2
	switch b.header[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b.header[1]&0x80 != 0 {
		n += 4 // the mask
	}
	return n
}

// begin starts the payload of a complete header.
func (b *boundary) begin() {
	switch n := b.header[1] & 0x7f; n {
	case 126:
		b.skip = uint64(binary.BigEndian.Uint16(b.header[2:]))
	case 127:
		b.skip = binary.BigEndian.Uint64(b.header[2:])
	default:
		b.skip = uint64(n)
	}
	if b.header[0]&0x08 == 0 { // control frames may come between the fragments of a message
		b.open = b.header[0]&fin == 0
	}
	b.have = 0
}
