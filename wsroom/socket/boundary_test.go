package socket

import (
	"encoding/binary"
	"strings"
	"testing"
)

// FuzzBoundary: wherever a stream of frames is cut, it stands between two messages exactly where a frame that ends one has ended.
func FuzzBoundary(f *testing.F) {
	f.Add([]byte{0x81, 3, 0x01, 2, 0x89, 0, 0x80, 200}, uint8(3))
	f.Add([]byte{0x8a, 125, 0x00, 126, 0x80, 127}, uint8(1))
	f.Fuzz(func(t *testing.T, plan []byte, step uint8) {
		var stream []byte
		between := map[int]bool{0: true}
		open := false
		for i := 0; i+1 < len(plan) && i < 40; i += 2 {
			first, n := plan[i], int(plan[i+1])
			if n == 255 {
				n = 70_000
			}
			stream = append(stream, masked(first, strings.Repeat("x", n))...)
			if first&0x08 == 0 {
				open = first&0x80 == 0
			}
			between[len(stream)] = !open
		}
		var b boundary
		for at := 0; at < len(stream); {
			n := min(1+int(step), len(stream)-at)
			b.pass(stream[at : at+n])
			if at += n; b.between() != between[at] {
				t.Fatalf("at %d of %d: want %v, got %v", at, len(stream), between[at], b.between())
			}
		}
	})
}

// FuzzPass: bytes that are no frames at all neither crash nor stop it.
func FuzzPass(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add(binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 1<<63))
	f.Fuzz(func(_ *testing.T, garbage []byte) {
		var b boundary
		b.pass(garbage)
	})
}
