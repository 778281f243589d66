package wsroom_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// Pongs, which coder/websocket writes, and events, which we write past it, share each connection, while the clients read so slowly that most
// writes are cut in two by the kernel. Every byte must still belong to a whole frame.
func TestFramesStayWhole(t *testing.T) {
	s := listen(t, func(h *wsroom.HubConfig, _ *wsroom.HandlerConfig) {
		h.Limits.QueueMessages, h.Limits.QueueBytes = 1<<20, 1<<30
	})
	const clients, events, pings = 8, 300, 18
	addr := strings.TrimSuffix(strings.TrimPrefix(s.url, "ws://"), "/ws")
	var done sync.WaitGroup
	for range clients {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.(*net.TCPConn).SetReadBuffer(32 << 10); err != nil {
			t.Fatal(err)
		}
		if err := handshake(conn, "1"); err != nil {
			t.Fatal(err)
		}
		done.Go(func() {
			if err := parseAll(conn, events, pings); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range events {
		s.Publish("1", fmt.Sprintf(`"%s"`, strings.Repeat("x", 100+i*i%60_000)))
	}
	done.Wait()
}

// parseAll reads events and pongs strictly, sending a ping with each sixteenth event.
func parseAll(conn net.Conn, events, pings int) error {
	r := bufio.NewReaderSize(conn, 512)
	ponged, pinged := 0, 0
	for seq := int64(101); seq <= int64(100+events) || ponged < pinged; {
		opcode, payload, err := readFrame(r)
		if err != nil {
			return err
		}
		switch opcode {
		case 0x1:
			var f frame
			if err := json.Unmarshal(payload, &f); err != nil || f.ID != roomtest.CursorOf(seq) {
				return fmt.Errorf("want event %d, got %.80q: %w", seq, payload, err)
			}
			if seq++; seq%16 == 0 && pinged < pings {
				pinged++
				ping := fmt.Appendf([]byte{0x89, 0x80 | 125, 0, 0, 0, 0}, "%0125d", pinged)
				if _, err := conn.Write(ping); err != nil {
					return err
				}
			}
		case 0xa:
			if ponged++; string(payload) != fmt.Sprintf("%0125d", ponged) {
				return fmt.Errorf("want pong %d, got %q", ponged, payload)
			}
		default:
			return fmt.Errorf("opcode %x", opcode)
		}
	}
	return nil
}

// readFrame reads one frame as a server may send it: final, without reserved bits and without a mask.
func readFrame(r *bufio.Reader) (opcode byte, payload []byte, err error) {
	var header [2]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	if header[0]&0xf0 != 0x80 || header[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("not a frame of a server: % x", header)
	}
	n := uint64(header[1])
	switch n {
	case 126:
		var size [2]byte
		_, err = io.ReadFull(r, size[:])
		n = uint64(binary.BigEndian.Uint16(size[:]))
	case 127:
		var size [8]byte
		_, err = io.ReadFull(r, size[:])
		n = binary.BigEndian.Uint64(size[:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return header[0] & 0x0f, payload, err
}
