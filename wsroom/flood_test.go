package wsroom_test

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
)

// withoutPings is for tests that count a client's frames: pongs count too.
func withoutPings(_ *wsroom.HubConfig, c *wsroom.HandlerConfig) { c.PingInterval = 2 * time.Hour }

func TestABucketThatIsNotOverfilledLastsForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listenPipes(t, withoutPings).join("1/2h")
		r := c.read()
		for range 200 {
			c.send(`{"type":"auth","token":"1"}`)
			r.want(t, "renewed")
			time.Sleep(time.Second / 5)
		}
		for range 19 { // one may be left of the steady flow
			c.send(`{"type":"auth","token":"1"}`)
			r.want(t, "renewed")
		}
		time.Sleep(10 * time.Second)
		for range 20 {
			c.send(`{"type":"auth","token":"1"}`)
			r.want(t, "renewed")
		}
		c.send(`{"type":"auth","token":"1"}`)
		if f := r.want(t, "error"); f.Code != "flood" {
			t.Errorf("want flood, got %+v", f)
		}
	})
}

// sendFragments sends a text message in this many frames, the last of which is empty.
func (c *client) sendFragments(frames int, message string) error {
	w, err := c.conn.Writer(c.t.Context(), websocket.MessageText)
	if err != nil {
		return err
	}
	for i := range frames - 1 {
		piece := message[min(i, len(message)):min(i+1, len(message))]
		if i == frames-2 {
			piece = message[min(i, len(message)):]
		}
		if _, err := io.WriteString(w, piece); err != nil {
			return err
		}
	}
	return w.Close()
}

func TestFragmentsAreFramesForTheBucket(t *testing.T) {
	tests := []struct {
		name   string
		frames int
		want   string
	}{
		{"a few", 4, "renewed"},
		{"as many as fit", 20, "renewed"},
		{"one too many", 21, "error"},
		{"empty ones too", 30, "error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := listenPipes(t, withoutPings).join("1/2h")
				r := c.read()
				if err := c.sendFragments(test.frames, `{"type":"auth","token":"1"}`); err != nil && test.want != "error" {
					t.Fatal(err)
				}
				f := r.want(t, test.want)
				if test.want != "error" {
					r.wantNothing(t)
					return
				}
				if err := <-r.ended; f.Code != "flood" || websocket.CloseStatus(err) != 1008 {
					t.Errorf("want flood and 1008, got %+v and %v", f, err)
				}
			})
		})
	}
}

func TestTheFirstMessageMayComeInFragments(t *testing.T) {
	c := listen(t).connect("")
	if err := c.sendFragments(5, `{"type":"auth","token":"1"}`); err != nil {
		t.Fatal(err)
	}
	c.want("welcome")
}

// A client that never comes to the end of a message, or of its pongs, is told at once, and what it sends after that is thrown away for a while and not
// even parsed. No time passes in the bubble: only the count of bytes ends it.
func TestAnEndlessStreamOfFramesIsCutShort(t *testing.T) {
	var (
		begin = []byte{0x01, 0x80, 0, 0, 0, 0}
		empty = []byte{0x00, 0x80, 0, 0, 0, 0}
		tiny  = []byte{0x00, 0x81, 0, 0, 0, 0, ' '}
		pong  = []byte{0x8a, 0x80, 0, 0, 0, 0}
		ping  = []byte{0x89, 0x80, 0, 0, 0, 0}
		text  = []byte{0x81, 0x82, 0, 0, 0, 0, '{', '}'}
	)
	tests := []struct {
		name         string
		first, again []byte
	}{
		{"empty fragments", begin, empty},
		{"fragments of a byte", begin, tiny},
		{"pongs within a message", begin, pong},
		{"pings within a message", begin, ping},
		{"pongs", nil, pong},
		{"pings and pongs, cut anywhere", nil, slices.Concat(ping, pong, []byte{0x8a, 0x81, 0, 0, 0, 0, 'x'})},
		{"messages behind fragments", slices.Concat(begin, bytes.Repeat(empty, 19)), text},
	}
	for _, test := range tests {
		for _, lines := range []string{"Authorization: Bearer 1/2h\r\n", ""} { // with a token, and before one
			t.Run(test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { floods(t, lines, test.first, test.again) })
			})
		}
	}
}

// floods sends first, and then again without end, and checks how the server puts an end to it.
func floods(t *testing.T, lines string, first, again []byte) {
	s := listenPipes(t, withoutPings)
	conn := rawConn(t, s)
	if err := upgrade(conn, lines); err != nil {
		t.Fatal(err)
	}
	read := make(chan []byte)
	go func() {
		got, _ := io.ReadAll(conn) // until the server closes
		read <- got
	}()
	synctest.Wait() // welcome, if there is a token
	began, sent := time.Now(), 0
	for piece := append(bytes.Clone(first), bytes.Repeat(again, 1000)...); ; piece = bytes.Repeat(again, 1000) {
		n, err := conn.Write(piece)
		if sent += n; err != nil {
			break
		}
	}
	got := <-read
	want := `{"type":"error","code":"flood","message":"too many frames"}` + "\x88\x07\x03\xf0flood"
	if !bytes.HasSuffix(got, []byte(want)) {
		t.Errorf("want the end %q, got %q", want, got)
	}
	if took := time.Since(began); took != 0 || sent > 5<<20 {
		t.Errorf("want it cut at once and after 4 MiB, got %v and %d bytes", took, sent)
	}
	synctest.Wait()
	if closed := s.Counts.Get("closed 1008"); closed != 1 {
		t.Errorf("want one close with 1008, got %d", closed)
	}
}
