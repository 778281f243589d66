package socket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// What coder/websocket is held to: an error between two messages does not end the connection, wherever the bytes happen to be cut.
func TestReadingGoesOnWhereverTheBytesAreCut(t *testing.T) {
	stream := slices.Concat(
		masked(0x89, "ping"), masked(0x81, "one"), masked(0x8a, ""),
		masked(0x01, "frag"), masked(0x89, "between"), masked(0x00, ""), masked(0x80, "ment"),
		masked(0x81, strings.Repeat("x", 300)), masked(0x8a, strings.Repeat("p", 125)), masked(0x81, strings.Repeat("y", 70_000)), masked(0x81, ""),
	)
	want := []string{"one", "fragment", strings.Repeat("x", 300), strings.Repeat("y", 70_000), ""}
	for _, cut := range []int{1, 2, 3, 5, 7, 14, 16, 127, 128, 129, 1000, len(stream)} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			near, far := net.Pipe()
			frames, pings := 0, 0
			c, _ := upgrade(t, near, far, nil, Options{OnFrame: func() bool { frames++; return true }, OnPing: func([]byte) bool { pings++; return false }})
			go func() {
				for piece := range slices.Chunk(stream, cut) {
					if _, err := near.Write(piece); err != nil {
						return
					}
				}
			}()
			got, err := readAll(c, len(want))
			if err != nil || !slices.Equal(got, want) || frames != 11 || pings != 2 {
				t.Errorf("want %d messages of 11 frames and 2 pings, got %d, %d and %d, %v", len(want), len(got), frames, pings, err)
			}
		})
	}
}

// What comes before a frame that is refused is read, and nothing of the frame itself, wherever the bytes are cut.
func TestAFrameThatIsRefusedEndsReading(t *testing.T) {
	stream := slices.Concat(masked(0x81, "one"), masked(0x8a, ""), masked(0x01, "frag"), masked(0x80, "ment"), masked(0x81, ""), masked(0x01, ""),
		slices.Repeat(masked(0x00, ""), 100))
	tests := []struct {
		admitted int
		want     []string
	}{
		{0, nil},
		{1, []string{"one"}},
		{2, []string{"one"}},
		{3, []string{"one"}},
		{4, []string{"one", "fragment"}},
		{5, []string{"one", "fragment", ""}},
		{6, []string{"one", "fragment", ""}},
		{40, []string{"one", "fragment", ""}},
	}
	for _, test := range tests {
		for _, cut := range []int{1, 2, 5, 6, 16, 127, len(stream)} {
			t.Run(fmt.Sprint(test.admitted, cut), func(t *testing.T) {
				near, far := net.Pipe()
				frames := 0
				c, _ := upgrade(t, near, far, nil, Options{OnFrame: func() bool { frames++; return frames <= test.admitted }})
				go func() {
					for piece := range slices.Chunk(stream, cut) {
						if _, err := near.Write(piece); err != nil {
							return
						}
					}
				}()
				got, err := readAll(c, 100)
				if !slices.Equal(got, test.want) || !errors.Is(err, ErrRefused) || frames != test.admitted+1 {
					t.Errorf("want %q and ErrRefused after %d frames, got %q and %v after %d", test.want, test.admitted+1, got, err, frames)
				}
			})
		}
	}
}

// A client that has used up what it may send can still say goodbye.
func TestACloseFrameIsNotAskedAbout(t *testing.T) {
	near, far := net.Pipe()
	c, _ := upgrade(t, near, far, nil, Options{OnFrame: func() bool { return false }})
	go func() { _, _ = io.Copy(io.Discard, near) }()
	go func() { _, _ = near.Write(masked(0x88, "\x03\xe8")) }()
	var closed ClosedError
	if _, err := readAll(c, 1); !errors.As(err, &closed) || closed.Code != 1000 {
		t.Errorf("want closed with 1000, got %v", err)
	}
}

// Between two messages it is Wait that waits, on its short stack: Read comes back.
func TestReadDoesNotWaitBetweenMessages(t *testing.T) {
	near, far := net.Pipe()
	c, _ := upgrade(t, near, far, nil, Options{})
	go func() { _, _ = near.Write(slices.Concat(masked(0x81, "one"), masked(0x8a, ""))) }()
	got, err := readAll(c, 1)
	if err != nil || got[0] != "one" {
		t.Fatalf("want one, got %q, %v", got, err)
	}
	for range 2 { // the pong may come with the message or behind it
		if message, err := c.Read(); message != nil || err != nil {
			t.Errorf("want nothing, got %q, %v", message, err)
		}
	}
}

// A client may send its first frame without waiting for the answer to its handshake: net/http has it in its own buffer then.
func TestBytesBehindTheRequestAreNotLost(t *testing.T) {
	for _, size := range []int{3, 100, 1000, 3000, 10_000} {
		near, far := net.Pipe()
		c, _ := upgrade(t, near, far, masked(0x81, strings.Repeat("e", size)), Options{})
		got, err := readAll(c, 1)
		if err != nil || len(got[0]) != size {
			t.Errorf("%d: want the early message, got %d, %v", size, len(got), err)
		}
	}
}

func TestTheLibrarysOwnCloseIsNoticed(t *testing.T) {
	near, far := net.Pipe()
	c, _ := upgrade(t, near, far, nil, Options{})
	go func() { _, _ = io.Copy(io.Discard, near) }()
	go func() { _, _ = near.Write(masked(0xf1, "reserved bits")) }()
	if _, err := readAll(c, 1); !errors.Is(err, ErrProtocol) {
		t.Errorf("want ErrProtocol, got %v", err)
	}
	if c.Sealed() != 1002 {
		t.Errorf("want 1002, got %d", c.Sealed())
	}
}

func TestFaultsOfMessages(t *testing.T) {
	tests := []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"binary", masked(0x82, "x"), ErrBinary},
		{"over the limit", masked(0x81, strings.Repeat("x", 101)), ErrTooBig},
		{"over the limit in fragments", slices.Concat(masked(0x01, strings.Repeat("x", 60)), masked(0x80, strings.Repeat("x", 60))), ErrTooBig},
		{"broken UTF-8", masked(0x81, "\xc3\x28"), ErrUTF8},
		{"no mask", AppendText(nil, []byte("x")), ErrProtocol},
		{"a continuation of nothing", masked(0x80, "x"), ErrProtocol},
		{"a control frame in fragments", masked(0x09, "x"), ErrProtocol},
		{"a close frame of one byte", masked(0x88, "x"), ErrProtocol},
		{"the end in a header", masked(0x81, "x")[:1], io.ErrUnexpectedEOF},
		{"the end in a message", masked(0x81, "xyz")[:7], io.ErrUnexpectedEOF},
		{"the end", nil, io.EOF},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			near, far := net.Pipe()
			c, _ := upgrade(t, near, far, nil, Options{ReadLimit: 100})
			go func() {
				_, _ = near.Write(test.bytes)
				if errors.Is(test.want, io.EOF) || errors.Is(test.want, io.ErrUnexpectedEOF) {
					_ = near.Close()
					return
				}
				_, _ = io.Copy(io.Discard, near)
			}()
			_, err := readAll(c, 1)
			if !errors.Is(err, test.want) && !(errors.Is(test.want, io.ErrUnexpectedEOF) && errors.Is(err, io.EOF)) {
				t.Errorf("want %v, got %v", test.want, err)
			}
		})
	}
}
