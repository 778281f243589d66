package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// attacker has one connection, and no manners. It comes from an address of its own.
type attacker struct {
	t    *testing.T
	name string
	addr string
	n    int
	conn net.Conn
	rest []byte // read, and not looked at
}

// connect dials, unless it has.
func (a *attacker) connect() bool {
	if a.conn != nil {
		return true
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 66)}, Timeout: e2ePatience}
	conn, err := dialer.Dial("tcp", a.addr)
	if err != nil {
		a.t.Errorf("%s: %v", a.name, err)
		return false
	}
	_ = conn.SetDeadline(time.Now().Add(2 * e2ePatience))
	a.conn = conn
	return true
}

// leave drops the connection, if there is one.
func (a *attacker) leave() {
	if a.conn != nil {
		_ = a.conn.Close()
		a.conn = nil
	}
}

// send writes, and does not care whether the daemon still takes it: it may have hung up, and rightly so.
func (a *attacker) send(text string) bool {
	if !a.connect() {
		return false
	}
	_, err := io.WriteString(a.conn, text)
	return err == nil
}

// trickle sends byte by byte until the daemon has had enough.
func (a *attacker) trickle(text string) {
	for i := range len(text) {
		if !a.send(text[i : i+1]) {
			return
		}
		_ = a.conn.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
		if _, err := io.Copy(io.Discard, a.conn); !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
	a.t.Errorf("%s: %d bytes were waited for", a.name, len(text))
}

// upgrade asks for a WebSocket and reads the answer.
func (a *attacker) upgrade(path, header string) bool {
	return a.send("GET "+path+" HTTP/1.1\r\nHost: notifier\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+header+"\r\n") && a.hear("\r\n\r\n")
}

// hear reads up to this text.
func (a *attacker) hear(text string) bool {
	var buf [4096]byte
	for {
		if _, rest, found := bytes.Cut(a.rest, []byte(text)); found {
			a.rest = rest
			return true
		}
		n, err := a.conn.Read(buf[:])
		if a.rest = append(a.rest, buf[:n]...); n == 0 && err != nil {
			return false
		}
	}
}

// wantEnd reads to the end, which the daemon has to make, with these words before it.
func (a *attacker) wantEnd(words string) {
	if a.conn == nil {
		return
	}
	heard, err := io.ReadAll(io.LimitReader(a.conn, 16<<20))
	heard = append(a.rest, heard...)
	if errors.Is(err, os.ErrDeadlineExceeded) || !bytes.Contains(heard, []byte(words)) {
		a.t.Errorf("%s: ended with %v and %.300q, want %q", a.name, err, heard, words)
	}
}

// enter is welcome at /ws, or as a client of Socket.IO on a WebSocket.
func (a *attacker) enter(token string) bool {
	if a.n%2 == 0 {
		return a.upgrade("/ws", "Authorization: Bearer "+token+"\r\n")
	}
	return a.upgrade("/socket.io/?EIO=4&transport=websocket", "") && a.send(wsFrame(1, true, `40{"token":"`+token+`"}`)) && a.hear(`"pid"`)
}

// open opens a session that polls.
func (a *attacker) open() (sid string) {
	if !a.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: notifier\r\n\r\n") {
		return ""
	}
	var buf [4096]byte
	n, err := io.ReadAtLeast(a.conn, buf[:], 200)
	if sid = textBetween(buf[:n], `"sid":"`, `"`); sid == "" {
		a.t.Errorf("%s: no session: %v %.300q", a.name, err, buf[:n])
	}
	return sid
}

// post sends a POST of this length, of which there may be less.
func (a *attacker) post(sid, header, body string, length int) bool {
	return a.send(fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: notifier\r\n%sContent-Length: %d\r\n\r\n%s",
		sid, header, length, body))
}

// wsFrame is a client's frame, masked with zeros.
func wsFrame(opcode byte, fin bool, payload string) string {
	head := []byte{opcode, 0x80}
	if fin {
		head[0] |= 0x80
	}
	switch n := len(payload); {
	case n > 0xffff:
		head[1] |= 127
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	case n > 125:
		head[1] |= 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head[1] |= byte(n)
	}
	return string(head) + "\x00\x00\x00\x00" + payload
}

// repeat enters with a token, and sends this again and again, until the daemon ends it or it was sent so often.
func repeat(token, frame string, times int) func(*attacker) {
	return func(a *attacker) {
		if a.enter(token) {
			for range times {
				if !a.send(frame) {
					return
				}
			}
			a.wantEnd("")
		}
	}
}

// sieges are what is done by those who have got in, with a token of an account of their own, or without one.
func sieges(t *testing.T) []assault {
	t.Helper()
	return append(sockets(token(t, "3")), polls()...)
}

func sockets(token string) []assault {
	big := wsFrame(1, true, strings.Repeat("a", 1<<20))
	noise := func(size int) string {
		noise := make([]byte, size)
		_, _ = rand.Read(noise) // it never fails
		return string(noise)
	}
	return []assault{
		{"frames of 1 MB", 60, 4, repeat(token, big, 1)},
		{"frames of 1 MB without a token", 60, 4, func(a *attacker) {
			if a.upgrade([...]string{"/ws", "/socket.io/?EIO=4&transport=websocket"}[a.n%2], "") && a.send(big) {
				a.wantEnd("")
			}
		}},
		{"flood of frames", 40, 4, repeat(token, strings.Repeat(wsFrame(1, true, `42["x"]`), 100), 50)},
		{"flood of pings", 40, 4, repeat(token, strings.Repeat(wsFrame(9, true, "ping"), 100), 50)},
		{"fragments without end", 40, 4, repeat(token, wsFrame(1, false, "{")+strings.Repeat(wsFrame(0, false, " "), 200), 50)},
		{"frames that announce 2^62 bytes", 100, 4, func(a *attacker) {
			if a.enter(token) {
				a.send("\x81\xff\x3f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00" + strings.Repeat("a", 15000)) // no more, until a ping is not answered
			}
		}},
		{"garbage in frames", 300, 8, func(a *attacker) {
			repeat(token, wsFrame([...]byte{1, 2, 0, 3, 8, 11}[a.n%6], true, noise(a.n%126)), 3)(a)
		}},
		{"garbage for frames", 200, 8, func(a *attacker) { repeat(token, "\xff"+noise(2000), 1)(a) }},
		{"churn", 400, 8, func(a *attacker) { a.enter(token) }},
		{"screens that do not read", 60, 60, func(a *attacker) {
			if a.connect() {
				_ = a.conn.(*net.TCPConn).SetReadBuffer(4096)
				a.enter(token)
				time.Sleep(3 * time.Second) // what it does is nothing
			}
		}},
	}
}

// polls are for long-polling: POSTs have a session each, and no token.
func polls() []assault {
	return []assault{
		{"sessions that are opened and left", 1000, 8, func(a *attacker) { a.open() }},
		{"POSTs of 2 MB", 40, 4, func(a *attacker) {
			if a.post(a.open(), "", strings.Repeat("a", 2<<20), 2<<20) {
				a.hear(" 413 ")
			}
		}},
		{"POSTs without a body", 100, 50, func(a *attacker) { a.post(a.open(), "", "4", 60000); a.hear("HTTP/1.1 4") }},
		{"POSTs that unpack to much", 50, 4, func(a *attacker) {
			a.post(a.open(), "Content-Encoding: gzip\r\n", "\x1f\x8b\x08\x00", 4)
			a.hear("HTTP/1.1")
		}},
		{"POSTs with many packets", 50, 4, func(a *attacker) {
			body := strings.Repeat("2\x1e", 20000)
			a.post(a.open(), "", body, len(body))
			a.hear("HTTP/1.1")
		}},
	}
}
