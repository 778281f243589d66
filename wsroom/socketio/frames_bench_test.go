package socketio

import (
	"bytes"
	"slices"
	"testing"

	"notifier/wsroom"
)

// BenchmarkEncode is wsroom's benchmark of this name, with the frames of Socket.IO.
func BenchmarkEncode(b *testing.B) {
	event := wsroom.Event{
		ID: "1-43", Seq: 43, Name: "appointmnents.finished",
		Data: slices.Concat([]byte(`{"id":123,"notes":"`), bytes.Repeat([]byte("n"), 680), []byte(`"}`)),
	}
	b.Run("protocol=socketio/for=room", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			recovering.Message(event)
		}
	})
	b.Run("protocol=socketio/for=replay", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 4096)
		for b.Loop() {
			buf = recovering.AppendFrame(buf[:0], event)
		}
	})
}
