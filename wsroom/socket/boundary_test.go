package socket

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// FuzzBoundary: wherever a stream of frames is cut, it stands between two messages exactly where a frame that ends one has ended, and each frame is
// seen once.
func FuzzBoundary(f *testing.F) {
	f.Add([]byte{0x81, 3, 0x01, 2, 0x89, 0, 0x80, 200}, uint8(3))
	f.Add([]byte{0x8a, 125, 0x00, 126, 0x80, 127}, uint8(1))
	f.Fuzz(func(t *testing.T, plan []byte, step uint8) {
		var stream []byte
		between := map[int]bool{0: true}
		open := false
		var want, got []byte
		for i := 0; i+1 < len(plan) && i < 40; i += 2 {
			first, n := plan[i], int(plan[i+1])
			if n == 255 {
				n = 70_000
			}
			want = append(want, first&0x0f)
			stream = append(stream, masked(first, strings.Repeat("x", n))...)
			if first&0x08 == 0 {
				open = first&0x80 == 0
			}
			between[len(stream)] = !open
		}
		var b boundary
		for at := 0; at < len(stream); {
			n := min(1+int(step), len(stream)-at)
			b.pass(stream[at:at+n], func(opcode byte) bool { got = append(got, opcode); return true })
			if at += n; b.between() != between[at] {
				t.Fatalf("at %d of %d: want %v, got %v", at, len(stream), between[at], b.between())
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("want frames %x, got %x", want, got)
		}
	})
}

// FuzzPass: bytes that are no frames at all neither crash nor stop it, unless a frame is refused: then the header's last byte stays back, however often
// it is offered.
func FuzzPass(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n"), uint8(0))
	f.Add(binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 1<<63), uint8(1))
	f.Add(masked(0x00, ""), uint8(0))
	f.Fuzz(func(t *testing.T, garbage []byte, admitted uint8) {
		var b boundary
		if passed := b.pass(garbage, func(byte) bool { return true }); passed != len(garbage) {
			t.Errorf("want all %d, got %d", len(garbage), passed)
		}
		b = boundary{}
		frames := 0
		admit := func(byte) bool { frames++; return frames <= int(admitted) }
		passed := b.pass(garbage, admit)
		refused := frames > int(admitted)
		if passed < 0 || (passed < len(garbage)) != refused {
			t.Errorf("want a stop only at a frame refused (%v), got %d of %d", refused, passed, len(garbage))
		}
		if refused && (b.between() || b.pass(garbage[passed:], admit) != 0) {
			t.Error("want it to stay before the frame")
		}
	})
}
