package main

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// door takes connections in.
type door struct {
	rooms  *rooms
	secret []byte

	open    sync.Map // net.Conn: all that there are
	readers sync.WaitGroup
}

// serve accepts until the listener is closed.
func (d *door) serve(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		d.readers.Add(1)
		d.open.Store(conn, nil)
		go d.greet(conn)
	}
}

// close ends all connections and waits until they have ended. It is called after serve has returned.
func (d *door) close() {
	d.open.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close() // it may have ended
		return true
	})
	d.readers.Wait()
}

// requests are the readers of handshakes: a connection that has joined needs none.
var requests = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 2048) }}

// greet does the handshake, and leaves the reading to another goroutine: its own stack has grown.
func (d *door) greet(conn net.Conn) {
	account, err := d.upgrade(conn)
	if err != nil {
		d.end(conn)
		return
	}
	s := &socket{conn: conn, account: account}
	d.rooms.join(s)
	go d.read(s)
}

// read waits for the end. What a client says is of no interest.
func (d *door) read(s *socket) {
	var heard [64]byte
	for {
		if _, err := s.conn.Read(heard[:]); err != nil {
			d.rooms.leave(s)
			d.end(s.conn)
			return
		}
	}
}

func (d *door) end(conn net.Conn) {
	_ = conn.Close() // nobody is left to be told
	d.open.Delete(conn)
	d.readers.Done()
}

// upgrade answers a handshake with 101 and the welcome, or with 401.
func (d *door) upgrade(conn net.Conn) (account int64, err error) {
	reader := requests.Get().(*bufio.Reader)
	defer requests.Put(reader)
	reader.Reset(conn)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return 0, err
	}
	account, err = accountOf(request.Header.Get("Authorization"), d.secret)
	if err != nil {
		_, writeErr := conn.Write([]byte("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		return 0, errors.Join(err, writeErr)
	}
	answer := make([]byte, 0, 256)
	answer = append(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	answer = append(answer, accept(request.Header.Get("Sec-WebSocket-Key"))...)
	answer = append(answer, "\r\n\r\n"...)
	_, err = conn.Write(appendWelcome(answer, account))
	return account, err
}

// accept is Sec-WebSocket-Accept of RFC 6455, section 4.2.2.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}
