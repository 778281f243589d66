package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Whole control frames in one Write each: between two Writes of ours there is room for nothing else.
func TestControlFramesOfTheLibraryAreOneWriteEach(t *testing.T) {
	near, far := net.Pipe()
	c, r := upgrade(t, near, far, nil, Options{})
	go func() { _, _ = io.Copy(io.Discard, near) }()
	go func() {
		_, _ = near.Write(masked(0x89, strings.Repeat("p", 125)))
		_, _ = near.Write(masked(0x89, ""))
		_, _ = near.Write(masked(0x88, "\x03\xe8"+strings.Repeat("r", 123)))
	}()
	_, err := readAll(c, 1)
	var closed ClosedError
	if !errors.As(err, &closed) || closed.Code != 1000 {
		t.Fatalf("want closed with 1000, got %v", err)
	}
	frames := r.frames()
	if len(frames) != 3 || len(frames[0]) != 127 || len(frames[1]) != 2 || len(frames[2]) != 127 {
		t.Errorf("want a pong of 127 bytes, one of 2, and a close of 127, got %d: %q", len(frames), frames)
	}
	if c.Sealed() != 1000 {
		t.Errorf("want sealed with 1000, got %d", c.Sealed())
	}
}

func TestNothingFollowsACloseFrame(t *testing.T) {
	near, far := net.Pipe()
	c, r := upgrade(t, near, far, nil, Options{})
	go func() { _, _ = io.Copy(io.Discard, near) }()
	c.Finish(1012, AppendClose(nil, 1012, "restart"))
	if err := c.Write(AppendText(nil, []byte("late"))); !errors.Is(err, ErrSealed) {
		t.Errorf("want ErrSealed, got %v", err)
	}
	if _, err := c.TryWrite(NewAttempt(), AppendText(nil, []byte("late"))); !errors.Is(err, ErrSealed) {
		t.Errorf("want ErrSealed, got %v", err)
	}
	c.Finish(1001, AppendClose(nil, 1001, "again"))
	go func() {
		_, _ = near.Write(masked(0x89, "ping"))
		_, _ = near.Write(masked(0x88, "\x03\xf4"))
	}()
	var closed ClosedError
	if _, err := readAll(c, 1); !errors.As(err, &closed) || closed.Code != 1012 {
		t.Errorf("want the peer's answer, got %v", err)
	}
	if frames := r.frames(); len(frames) != 1 || string(frames[0]) != "\x88\x09\x03\xf4restart" {
		t.Errorf("want one close frame and nothing behind it, got %q", frames)
	}
}

// The end of the stream comes right behind the close frame, for a peer that is not reading it yet because it still sends.
func TestTheSendingHalfIsClosedBehindTheCloseFrame(t *testing.T) {
	near, far := tcp(t)
	c, _ := upgrade(t, near, far, nil, Options{})
	c.wire.conn = far
	c.Finish(1009, AppendClose(nil, 1009, ""))
	got, err := io.ReadAll(near)
	if err != nil || string(got) != "\x88\x02\x03\xf1" {
		t.Errorf("want the close frame and the end, got %q, %v", got, err)
	}
	if _, err := near.Write(make([]byte, 100<<10)); err != nil {
		t.Errorf("want the receiving half open, got %v", err)
	}
	_ = near.Close()
	c.Discard()
}

// A kernel that takes a part leaves the rest, and whoever writes meanwhile waits for it.
func TestWhatTheKernelDoesNotTakeIsWrittenFirst(t *testing.T) {
	near, far := tcp(t)
	c, _ := upgrade(t, near, far, nil, Options{})
	c.wire.raw, _ = far.(*net.TCPConn).SyscallConn()
	big := AppendText(nil, bytes.Repeat([]byte("b"), 32<<20))
	attempt := NewAttempt()
	rest, err := c.TryWrite(attempt, big)
	if err != nil || len(rest) == 0 || len(rest) >= len(big) {
		t.Fatalf("want a part taken, got %d of %d left, %v", len(rest), len(big), err)
	}
	if again, err := c.TryWrite(attempt, Ping()); err != nil || len(again) != 2 {
		t.Errorf("want the connection held, got %q, %v", again, err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		if err := c.WriteRest(rest); err != nil {
			t.Error(err)
		}
	})
	done.Go(func() {
		if err := c.Write(Ping()); err != nil {
			t.Error(err)
		}
	})
	got := make([]byte, len(big)+2)
	if _, err := io.ReadFull(near, got); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	if !bytes.Equal(got[:len(big)], big) || !bytes.Equal(got[len(big):], Ping()) {
		t.Error("want the whole frame and then the ping")
	}
	if rest, err := c.TryWrite(attempt, Ping()); err != nil || len(rest) != 0 {
		t.Errorf("want a ping taken at once, got %q left, %v", rest, err)
	}
}

func TestTryWriteAllocatesNothing(t *testing.T) {
	near, far := tcp(t)
	c, _ := upgrade(t, near, far, nil, Options{})
	c.wire.raw, _ = far.(*net.TCPConn).SyscallConn()
	go func() { _, _ = io.Copy(io.Discard, near) }()
	attempt, frame := NewAttempt(), AppendText(nil, []byte("frame"))
	allocs := testing.AllocsPerRun(100, func() {
		if rest, err := c.TryWrite(attempt, frame); err != nil || len(rest) > 0 {
			t.Errorf("want it taken, got %q left, %v", rest, err)
		}
	})
	if allocs != 0 {
		t.Errorf("want none, got %v", allocs)
	}
}

func TestAPeerThatIsGivenUpHasASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c, _ := upgrade(t, near, far, nil, Options{})
		began := time.Now()
		failed := make(chan error, 1)
		go func() { failed <- c.Write(AppendText(nil, []byte("nobody reads this"))) }()
		time.Sleep(3 * time.Second)
		c.GiveUp()
		if err := <-failed; err == nil {
			t.Error("want the write to fail")
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("want 4s, got %v", took)
		}
		if err := c.Write(Ping()); !errors.Is(err, ErrSealed) {
			t.Errorf("want nothing behind a frame that was cut, got %v", err)
		}
	})
}

func TestASlowPeerHasTenSecondsForEachPiece(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c, _ := upgrade(t, near, far, nil, Options{})
		frame := AppendText(nil, bytes.Repeat([]byte("s"), 100<<10))
		failed := make(chan error, 1)
		go func() { failed <- c.Write(frame) }()
		for range 7 {
			time.Sleep(9 * time.Second)
			if _, err := io.CopyN(io.Discard, near, min(int64(len(frame)), pieceBytes)); err != nil && !errors.Is(err, io.EOF) {
				break
			}
			frame = frame[min(len(frame), pieceBytes):]
			if len(frame) == 0 {
				break
			}
		}
		if err := <-failed; err != nil {
			t.Error(err)
		}
	})
}
