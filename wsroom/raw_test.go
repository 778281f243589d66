package wsroom_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// rawConn dials a bare connection, for what no stock client does.
func rawConn(t *testing.T, s *server) net.Conn {
	t.Helper()
	conn, err := s.dial(t.Context(), "tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "ws://"), "/ws"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// rawDial joins with a bare connection and reads the handshake and the welcome.
func rawDial(t *testing.T, s *server, token string) net.Conn {
	t.Helper()
	conn := rawConn(t, s)
	if err := handshake(conn, token); err != nil {
		t.Fatal(err)
	}
	return conn
}

// handshake joins by hand, with a token in the header, and reads up to the end of the welcome, byte by byte: what follows is the caller's.
func handshake(conn net.Conn, token string) error {
	if err := upgrade(conn, "Authorization: Bearer "+token+"\r\n"); err != nil {
		return err
	}
	return readUntil(conn, func(seen []byte) bool { return bytes.Contains(seen, []byte(`"welcome"`)) && seen[len(seen)-1] == '}' })
}

// upgrade makes the handshake by hand, with these header lines too.
func upgrade(conn net.Conn, lines string) error {
	if _, err := fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n", lines); err != nil {
		return err
	}
	return readUntil(conn, func(seen []byte) bool { return bytes.HasSuffix(seen, []byte("\r\n\r\n")) })
}

func readUntil(conn net.Conn, reached func(seen []byte) bool) error {
	var seen []byte
	for one := make([]byte, 1); !reached(seen); seen = append(seen, one[0]) {
		if _, err := io.ReadFull(conn, one); err != nil {
			return fmt.Errorf("read handshake: %w after %q", err, seen)
		}
	}
	return nil
}
