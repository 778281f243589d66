package socket

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// holding is a handshake whose answer is held: the client's end, the server's, and what was written.
type holding struct {
	near net.Conn
	*Conn
	*recorder
	end func()
}

// hold takes a client's request, with more behind it, as far as the server goes without a frame.
func hold(t *testing.T, near, far net.Conn, early []byte, opts Options) holding {
	t.Helper()
	opts.HoldAnswer, opts.ReadLimit = true, 1<<20
	r := &recorder{Conn: far}
	upgraded := make(chan *Conn, 1)
	listener := &single{conn: r, closed: make(chan struct{})}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Beside", "kept")
		c, err := Upgrade(w, req, opts)
		if err != nil {
			t.Error(err)
		}
		upgraded <- c
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(listener) }()
	go func() { _, _ = near.Write(append([]byte(request), early...)) }()
	c := <-upgraded
	return holding{near: near, Conn: c, recorder: r, end: func() {
		c.Close()
		_ = near.Close()
		_ = web.Close()
		<-served
	}}
}

// answered reads the answer to the handshake, which has to be a 101, and n bytes behind it.
func (h holding) answered(t *testing.T, n int) (header http.Header, behind []byte) {
	t.Helper()
	in := bufio.NewReader(h.near)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // it has none
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("want 101, got %s", response.Status)
	}
	behind = make([]byte, n)
	if _, err := io.ReadFull(in, behind); err != nil {
		t.Fatal(err)
	}
	return response.Header, behind
}

func (h holding) wrote() [][]byte {
	h.recorder.mu.Lock()
	defer h.recorder.mu.Unlock()
	return slices.Clone(h.writes)
}

// Whatever is written first brings the answer along, in one write, and nothing brings it again.
func TestAHeldAnswerGoesOutWithWhatIsWrittenFirst(t *testing.T) {
	frame, pong := AppendText(nil, []byte("frame")), Pong([]byte("early"))
	closing := AppendClose(nil, 4401, "token_invalid")
	tests := []struct {
		name  string
		early []byte
		write func(c *Conn)
		want  []byte
	}{
		{"Write", nil, func(c *Conn) { _ = c.Write(frame) }, frame},
		{"TryWrite that cannot try", nil, func(c *Conn) {
			rest, _ := c.TryWrite(NewAttempt(), frame)
			_ = c.WriteRest(rest)
		}, frame},
		{"Finish", nil, func(c *Conn) { c.Finish(4401, closing) }, closing},
		{"the library's pong", masked(0x89, "early"), func(c *Conn) { _, _ = c.Read() }, pong},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				h := hold(t, near, far, test.early, Options{Subprotocols: []string{"x"}})
				defer h.end()
				if got := h.wrote(); len(got) != 0 {
					t.Fatalf("want nothing written yet, got %q", got)
				}
				go test.write(h.Conn)
				header, behind := h.answered(t, len(test.want))
				if header.Get("X-Beside") != "kept" || header.Get("Sec-Websocket-Accept") != "ICX+Yqv66kxgM0FcWaLWlFLwTAI=" {
					t.Errorf("want all headers, got %v", header)
				}
				if !bytes.Equal(behind, test.want) {
					t.Errorf("want %q behind it, got %q", test.want, behind)
				}
				time.Sleep(2 * answerPatience)
				if got := h.wrote(); len(got) != 1 {
					t.Errorf("want one write, got %q", got)
				}
			})
		})
	}
}

// A descriptor of its own: the attempt writes past net.Conn, and the answer with it.
func TestAHeldAnswerGoesOutWithAnAttempt(t *testing.T) {
	near, far := tcp(t)
	h := hold(t, near, far, nil, Options{})
	defer h.end()
	raw, err := far.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	h.wire.raw = raw
	frame := AppendText(nil, []byte("frame"))
	if rest, err := h.TryWrite(NewAttempt(), frame); len(rest) > 0 || err != nil {
		t.Fatalf("want all of it taken, got %q, %v", rest, err)
	}
	if _, behind := h.answered(t, len(frame)); !bytes.Equal(behind, frame) {
		t.Errorf("want the frame, got %q", behind)
	}
}

// A server that meant to speak at once and does not, because its database is slow, answers all the same: the client has a patience of its own.
func TestAHeldAnswerDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		h := hold(t, near, far, nil, Options{})
		defer h.end()
		began := time.Now()
		if h.answered(t, 0); time.Since(began) != answerPatience {
			t.Errorf("want it after %v, got it after %v", answerPatience, time.Since(began))
		}
		frame := AppendText(nil, []byte("late"))
		go func() { _ = h.Conn.Write(frame) }()
		got := make([]byte, len(frame))
		if _, err := io.ReadFull(near, got); err != nil || !bytes.Equal(got, frame) {
			t.Errorf("want the frame alone, got %q, %v", got, err)
		}
	})
}

// Who is cut before anything was written hears nothing more, and the patience that is left finds a closed connection.
func TestAHeldAnswerIsNotSentBehindACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		h := hold(t, near, far, nil, Options{})
		defer h.end()
		h.Cut()
		if got, err := io.ReadAll(near); len(got) != 0 || err != nil {
			t.Errorf("want the end alone, got %q, %v", got, err)
		}
		time.Sleep(2 * answerPatience)
	})
}

// A handshake that is no good has its status from the library, as before.
func TestABadHandshakeIsAnsweredByItsStatus(t *testing.T) {
	near, far := net.Pipe()
	listener := &single{conn: far, closed: make(chan struct{})}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, err := Upgrade(w, req, Options{HoldAnswer: true}); err == nil {
			t.Error("want an error")
		}
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(listener) }()
	defer func() { _ = near.Close(); _ = web.Close(); <-served }()
	go func() { _, _ = io.WriteString(near, strings.Replace(request, "Version: 13", "Version: 12", 1)) }()
	response, err := http.ReadResponse(bufio.NewReader(near), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusBadRequest || response.Header.Get("Sec-Websocket-Version") != "13" {
		t.Errorf("want 400 and the version that is spoken, got %v", response)
	}
}
