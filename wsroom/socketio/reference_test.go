package socketio_test

import (
	"bufio"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"notifier/wsroom/socketio"
	"notifier/wsroom/socketio/stocktest"
)

// referenceServer is the reference implementation, in Node.js.
func referenceServer(t *testing.T) *server {
	_, _, stdout := stocktest.Run(t, exec.Command("node", "nesttest/reference.mjs"))
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &server{t: t, url: strings.TrimSpace(url) + "/socket.io/", dial: (&net.Dialer{}).DialContext}
}

// connectPacket is good on both servers.
const connectPacket = `40{"token":"1"}`

// converse is what comes back when a client that has connected sends these frames, "b" in front of a binary one; at the end "closed", if it is. Frames that
// belong together are joined by a line feed; before the next the server is asked two questions that every server answers in the same way, since the
// reference puts off what it does about the first by a turn.
func (s *server) converse(t *testing.T, frames ...string) (seen []string) {
	t.Helper()
	w := (&server{t: t, url: s.url, dial: s.dial}).connect("")
	for _, frame := range append([]string{connectPacket}, frames...) {
		open := true
		for packet := range strings.SplitSeq(frame, "\n") {
			open = open && w.try(packet)
		}
		if frame == connectPacket {
			if open = open && w.until(`40{"sid":"`, &seen); open {
				seen = append(seen, "connected")
			}
		}
		if !open || !w.try("40/1") || !w.until("44/1,", &seen) || !w.try("40/2") || !w.until("44/2,", &seen) {
			return append(seen, "closed")
		}
	}
	return seen
}

// try sends a frame on a connection that may be closed.
func (w *wire) try(frame string) bool {
	kind := websocket.MessageText
	if binary, found := strings.CutPrefix(frame, "b"); found {
		kind, frame = websocket.MessageBinary, binary
	}
	return w.conn.Write(w.t.Context(), kind, []byte(frame)) == nil
}

// until adds what comes before this answer, and reports whether it comes.
func (w *wire) until(prefix string, seen *[]string) bool {
	for {
		_, raw, err := w.conn.Read(w.t.Context())
		switch {
		case err != nil:
			return false
		case strings.HasPrefix(string(raw), prefix):
			return true
		}
		*seen = append(*seen, string(raw))
	}
}

// TestFramesAreAnsweredAsByTheReference compares what a client could notice. Stricter on purpose, and so not here: ids beyond 16 digits, an event without
// data, a second probe. More lenient, because attachments are not looked at: their number 0, a placeholder for one that is not there.
func TestFramesAreAnsweredAsByTheReference(t *testing.T) {
	reference, ours := referenceServer(t), listen(t, configured(func(c *socketio.Config) { c.NoRecovery = true }))
	placeholder := `{"_placeholder":true,"num":0}`
	for name, frames := range map[string][]string{
		"nothing": nil, "an ack": {`4212["x",1]`}, "an ack of id 0": {`420["x"]`}, "the largest id": {`429007199254740991["x"]`},
		"no ack": {`42["x"]`}, "a numbered event": {`421[1]`}, "no name": {`42[]`}, "null": {`421[null]`}, "a boolean": {`421[true]`},
		"an array": {`421[[]]`}, "an object": {`42{}`}, "an empty name": {`421[""]`}, "connect": {`421["connect"]`},
		"disconnecting": {`421["disconnecting"]`}, "newListener": {`421["newListener"]`}, "a space before": {`421 ["x"]`},
		"a space behind": {`421["x"] `}, "garbage behind": {`421["x"]x`}, "broken": {`421["x"`}, "NaN": {`421[NaN]`}, "1e999": {`421[1e999]`},
		"__proto__": {`421["__proto__",{"__proto__":1}]`}, "a lone surrogate": {`421["\ud800"]`},
		"deep": {`421["x",` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `]`}, "kind 7": {"47"}, "kind a": {"4abc"}, "no kind": {"4"},
		"an error": {`44{"message":"x"}`}, "an answer": {`431[1]`}, "an answer without id": {`43[]`}, "an answer that is none": {`431{}`},
		"a second CONNECT": {connectPacket}, "DISCONNECT and CONNECT": {"41", connectPacket, `421["x"]`}, "two DISCONNECT": {"41", "41"},
		"DISCONNECT with data": {`41{"a":1}`}, "DISCONNECT of /": {"41/,", connectPacket}, "an event after DISCONNECT": {"41", `42["x"]`},
		"another namespace": {"40/x"}, "with a comma": {"40/x,"}, "with a query": {`40/x?a=1,{"b":2}`},
		"the root with a query": {`40/?a=1,{"token":"1"}`}, "no slash": {`40x,{}`}, "an event elsewhere": {`42/x,1["x"]`},
		"DISCONNECT elsewhere": {"41/x,"}, "binary": {`451-7["x",` + placeholder + "]\nb\x01"},
		"two attachments": {`452-7["x",` + placeholder + `,{"_placeholder":true,"num":1}]` + "\nb\x01\nb\x02"}, "binary from nowhere": {"b\x01"},
		"text instead": {`451-7["x",` + placeholder + `]`, `42["y"]`}, "a pong between": {`451-7["x",` + placeholder + "]\n3\nb\x01"},
		"11 attachments": {`4511-["x"]`}, "no number": {`45-["x"]`}, "no dash": {`451["x"]`}, "-1 attachments": {`45-1-["x"]`},
		"half an attachment": {`451.5-["x"]`}, "a ping": {"2"}, "a pong": {"3"}, "a pong with data": {"3probe"}, "an upgrade": {"5"},
		"a noop": {"6"}, "packet 7": {"7"}, "no packet": {""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, got := reference.converse(t, frames...), ours.converse(t, frames...)
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%q: want %q, got %q", frames, want, got)
			}
		})
	}
}
