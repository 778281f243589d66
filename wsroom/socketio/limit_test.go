package socketio_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom/internal/roomtest"
)

// greetingBytes is how much a client may send before it is connected.
const greetingBytes = 64 << 10

// connectOf is a CONNECT packet of so many bytes with a good token.
func connectOf(size int) string {
	const head, tail = `40{"token":"1","app":"`, `"}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}

func TestBeforeItIsConnectedAClientCannotSendMuch(t *testing.T) {
	s := listen(t)
	w := s.connect("")
	w.send("%s", connectOf(greetingBytes+1))
	w.wantClose(1009, "protocol_violated")
	s.openPoll().post(413, connectOf(greetingBytes+1))

	event := `42["x","` + strings.Repeat("y", 900_000) + `"]`
	w = s.connect("")
	w.send("%s", connectOf(greetingBytes))
	w.greeted()
	w.send("%s", event)
	w.send(`421["sync"]`)
	w.want("431[]")
	p := s.openPoll()
	p.post(200, connectOf(greetingBytes))
	p.get(200, "")
	p.post(200, event)
	w = p.dialProbe()
	w.send("2probe")
	w.want("3probe")
	w.send("5")
	w.send("%s", event)
	w.send(`421["sync"]`)
	w.want("431[]")
}

func TestARefusedTokenAllowsNoMoreThanNone(t *testing.T) {
	w := listen(t).connect("")
	w.send(`40{"token":"token_invalid"}`)
	w.next()
	w.send("%s", connectOf(greetingBytes+1))
	w.wantClose(1009, "protocol_violated")
}

// raw makes a request by hand and returns the connection with the answer's reader.
func (s *server) raw(format string, args ...any) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := s.dial(s.t.Context(), "tcp", s.address())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, format, args...); err != nil {
		s.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// address is host and port.
func (s *server) address() string {
	return strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/socket.io/")
}

func wantStatus(t *testing.T, r *bufio.Reader, status int) {
	t.Helper()
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != status {
		t.Errorf("got %d, %v; want %d", response.StatusCode, err, status)
	}
}

func TestAPayloadWithoutLengthIsBoundedToo(t *testing.T) {
	s := listen(t)
	for name, c := range map[string]struct {
		poller *poller
		limit  int
	}{
		"before it is connected": {s.openPoll(), greetingBytes},
		"connected":              {func() *poller { p, _ := s.joinPoll("1"); return p }(), 1_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			_, answers := s.raw("POST /socket.io/%s HTTP/1.1\r\nHost: x.example\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n4%s\r\n1\r\ny\r\n",
				c.poller.query, c.limit, strings.Repeat("y", c.limit-1))
			wantStatus(t, answers, 413) // without waiting for the end
			c.poller.get(400, "")
		})
	}
}

func TestNothingThatAClientSendsIsUnpacked(t *testing.T) {
	s := listen(t)
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write([]byte(`40{"token":"1"}`)); err != nil || zip.Close() != nil {
		t.Fatal(err)
	}
	p := s.openPoll()
	if a := p.must("POST", p.query, packed.String(), "Content-Encoding: gzip"); a.status != 400 {
		t.Errorf("gzip: %+v", a)
	}
	p.get(400, "")

	conn, answers := s.raw("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // it is the connection
	if got := response.Header.Get("Sec-WebSocket-Extensions"); response.StatusCode != http.StatusSwitchingProtocols || got != "" {
		t.Errorf("%d, extensions %q", response.StatusCode, got)
	}
	if _, err := conn.Write([]byte{0xc1, 0x81, 0, 0, 0, 0, '3'}); err != nil { // a frame that says it is compressed
		t.Fatal(err)
	}
	roomtest.Eventually(t, "closed", func() bool { return s.Counts.Get("closed 1008") == 2 })
}

func TestAPayloadThatDoesNotComeEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		synctest.Wait()
		s.web.ReadTimeout = 0 // so that it is not net/http that counts
		p, _ := s.joinPoll("1")
		began := time.Now()
		_, answers := s.raw("POST /socket.io/%s HTTP/1.1\r\nHost: x.example\r\nContent-Length: 100\r\n\r\n42[", p.query)
		wantStatus(t, answers, 400)
		if got := time.Since(began); got != 10*time.Second {
			t.Errorf("after %v", got)
		}
		synctest.Wait()
		if s.Counts.Get("closed 1006") != 1 || s.Hub.Stats().Members != 0 {
			t.Error("still there")
		}
	})
}

func TestAPayloadUnderWayEndsSoonAfterItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		synctest.Wait()
		s.web.ReadTimeout = 0
		p, _ := s.joinPoll("1")
		began := time.Now()
		conn, answers := s.raw("POST /socket.io/%s HTTP/1.1\r\nHost: x.example\r\nContent-Length: 100\r\n\r\n42[", p.query)
		synctest.Wait()
		s.Hub.Resync(50, roomtest.CursorOf(50))
		wantStatus(t, answers, 400)
		if got := time.Since(began); got != 2*time.Second {
			t.Errorf("after %v", got)
		}
		_ = conn.Close()
	})
}
