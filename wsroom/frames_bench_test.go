package wsroom

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

var benchEvent = Event{
	ID: "1-43", Seq: 43, Name: "appointmnents.finished",
	Data: slices.Concat([]byte(`{"id":123,"notes":"`), bytes.Repeat([]byte("n"), 680), []byte(`"}`)),
}

// BenchmarkEncode: an event for a room, encoded once for all its members, and into the replay of one. That of Socket.IO is in its package.
func BenchmarkEncode(b *testing.B) {
	b.Run("protocol=plain/for=room", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Plain.Message(benchEvent)
		}
	})
	b.Run("protocol=plain/for=replay", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 4096)
		for b.Loop() {
			buf = Plain.AppendFrame(buf[:0], benchEvent)
		}
	})
}

// nobody is woken and does nothing.
type nobody struct{}

func (nobody) Wake()   {}
func (nobody) GiveUp() {}

// BenchmarkQueue: an event through one member's queue, the ring of the pool included, and for a room of 10,000 without their sockets.
func BenchmarkQueue(b *testing.B) {
	for _, members := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			h := NewHub(HubConfig{})
			h.Open(1, "1-1")
			all := make([]*Member, members)
			for i := range all {
				m := new(Member)
				if err := h.Attach(m, Plain, nobody{}); err != nil {
					b.Fatal(err)
				}
				if _, _, err := m.Join("1"); err != nil {
					b.Fatal(err)
				}
				m.Live(1)
				all[i] = m
			}
			dst := make([]*Message, 0, batchMessages)
			seq := int64(1)
			b.ReportAllocs()
			for b.Loop() {
				seq++
				h.Publish("1", "1-43", seq, benchEvent.Name, benchEvent.Data)
				for _, m := range all {
					m.Take(dst, batchBytes)
					m.Take(dst, batchBytes) // idle again
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(members), "ns/delivery")
		})
	}
}

// BenchmarkClaim: 10,000 accounts are here; nobody new, or one new account, since the last claim.
func BenchmarkClaim(b *testing.B) {
	for _, newcomer := range []bool{false, true} {
		b.Run(fmt.Sprintf("newcomer=%v", newcomer), func(b *testing.B) {
			h := NewHub(HubConfig{})
			h.Open(1, "1-1")
			join := func(account string) *Member {
				m := new(Member)
				if err := h.Attach(m, Plain, nobody{}); err != nil {
					b.Fatal(err)
				}
				if _, _, err := m.Join(account); err != nil {
					b.Fatal(err)
				}
				return m
			}
			for i := range 10_000 {
				join(fmt.Sprint(i))
			}
			h.Claim(2, "1-2")
			seq := int64(2)
			b.ReportAllocs()
			for b.Loop() {
				if newcomer {
					join(fmt.Sprint("new", seq)).Leave()
					h.arrived = true
				}
				seq++
				h.Claim(seq, "1-3")
			}
		})
	}
}

// BenchmarkJoinFrames: 16 queued frames to one socket: one write each, writev, or copied together and written once.
func BenchmarkJoinFrames(b *testing.B) {
	const frames = 16
	ways := []struct {
		name  string
		write func(conn net.Conn, h *hand, messages []*Message) error
	}{
		{"one write each", func(conn net.Conn, _ *hand, messages []*Message) error {
			for _, m := range messages {
				if _, err := conn.Write(m.frame); err != nil {
					return err
				}
			}
			return nil
		}},
		{"writev", func(conn net.Conn, _ *hand, messages []*Message) error {
			buffers := make(net.Buffers, 0, frames)
			for _, m := range messages {
				buffers = append(buffers, m.frame)
			}
			_, err := buffers.WriteTo(conn)
			return err
		}},
		{"copied", func(conn net.Conn, h *hand, messages []*Message) error {
			_, err := conn.Write(h.join(messages))
			return err
		}},
	}
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			far := discarding(b)
			h := hands.Get().(*hand)
			defer hands.Put(h)
			messages := make([]*Message, frames)
			for i := range messages {
				messages[i] = Plain.Message(benchEvent)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := way.write(far, h, messages); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frames, "ns/frame")
		})
	}
}

// discarding returns a loopback connection whose other end reads and discards.
func discarding(b *testing.B) net.Conn {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, near)
	}()
	b.Cleanup(func() {
		_ = far.Close()
		<-done
		_ = near.Close()
	})
	return far
}

// BenchmarkTimer: what one timer for all that a session waits for costs when it is set anew, which happens three times in a ping interval, next to
// a deadline per write, which is what it replaces.
func BenchmarkTimer(b *testing.B) {
	b.Run("arm", func(b *testing.B) {
		h := NewHandler(NewHub(HubConfig{}), nil, nil, HandlerConfig{}).(*handler)
		s := &session{handler: h}
		s.PingAt, s.RefreshAt = time.Hour, time.Hour
		s.ExpiresAt = time.Now().Add(time.Hour).UnixMilli()
		s.arm()
		defer s.timer.Stop()
		b.ReportAllocs()
		for b.Loop() {
			s.arm()
		}
	})
	b.Run("write deadline", func(b *testing.B) {
		conn := discarding(b)
		b.ReportAllocs()
		for b.Loop() {
			if err := conn.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
