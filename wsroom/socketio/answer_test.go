package socketio_test

import (
	"fmt"
	"strings"
	"testing"
)

// Clients in Python give up on a payload of more than 16 packets.
func TestAnAnswerHoldsNoMorePacketsThanEveryClientTakes(t *testing.T) {
	s := listen(t)
	p, _ := s.joinPoll("1")
	const total = 50
	for id := range total {
		s.Publish("1", fmt.Sprintf(`{"id":%d}`, id))
	}
	var frames []string
	for len(frames) < total {
		answer := strings.Split(p.must("GET", p.query, "").body, "\x1e")
		if len(answer) > 16 {
			t.Fatalf("%d packets in one answer", len(answer))
		}
		frames = append(frames, answer...)
	}
	for i, frame := range frames {
		if want := eventFrame(int64(101+i), fmt.Sprintf(`{"id":%d}`, i)); frame != want {
			t.Fatalf("want %s, got %s", want, frame)
		}
	}
}
