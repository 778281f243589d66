package wsroom_test

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	s := newServer(t)
	c := s.join("1")
	s.publish("1", `{"a":1}`)
	s.publish("2", `{"a":1}`)
	s.publish("1", `{"a":1}`)
	c.wantEvents(101, 103)
	c.send(`{"type":"nope"}`)
	c.wantEnd(1008, "protocol_violated")
}
