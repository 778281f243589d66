package socket

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// secured puts TLS on both ends and makes the handshake. far's own end is server.
func secured(t *testing.T, near, far net.Conn) (client, server net.Conn) {
	t.Helper()
	web := httptest.NewUnstartedServer(nil) // it has a certificate
	web.StartTLS()
	config := &tls.Config{Certificates: web.TLS.Certificates}
	web.Close()
	a := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error, 1)
	go func() { done <- a.Handshake() }()
	b := tls.Server(far, config)
	if err := b.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return a, b
}

// Thousands of frames that are one write, and so lie in few records: what is decrypted and not asked for yet must not be waited for.
func TestThousandsOfFramesInOneWriteAreAllReadOverTLS(t *testing.T) {
	near, far := tcp(t)
	client, server := secured(t, near, far)
	c, _ := upgrade(t, client, server, masked(0x81, "early"), Options{})
	if got, err := readAll(c, 1); err != nil || got[0] != "early" {
		t.Fatalf("want what came with the request, got %q, %v", got, err)
	}
	const messages = 5000
	var all []byte
	for i := range messages {
		all = append(all, masked(0x81, strconv.Itoa(i))...)
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := client.Write(all)
		wrote <- err
	}()
	got, err := readAll(c, messages)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range got {
		if text != strconv.Itoa(i) {
			t.Fatalf("message %d is %q", i, text)
		}
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

// A piece that the kernel takes would tear a record apart, so nothing is tried; the rest is everything.
func TestNothingIsTriedUnderTLS(t *testing.T) {
	near, far := tcp(t)
	client, server := secured(t, near, far)
	c, _ := upgrade(t, client, server, nil, Options{})
	c.wire.conn = server // without the recorder
	frame := AppendText(nil, []byte("frame"))
	rest, err := c.TryWrite(NewAttempt(), frame)
	if err != nil || !bytes.Equal(rest, frame) {
		t.Fatalf("want all of it left, got %q, %v", rest, err)
	}
	if err := c.WriteRest(rest); err != nil {
		t.Fatal(err)
	}
	c.Finish(1012, AppendClose(nil, 1012, "restart"))
	got, err := io.ReadAll(client)
	if want := string(frame) + "\x88\x09\x03\xf4restart"; err != nil || string(got) != want {
		t.Errorf("want %q and TLS's end, got %q, %v", want, got, err)
	}
}

// TLS's own goodbye waits five seconds for a peer that takes nothing. Nobody waits for that here.
func TestAPeerThatTakesNothingIsLeftAtOnceUnderTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, leave := range map[string]func(*Conn){
			"cut":                 (*Conn).Cut,
			"given up and closed": func(c *Conn) { c.GiveUp(); c.Close() },
		} {
			near, far := net.Pipe()
			client, server := secured(t, near, far)
			c, _ := upgrade(t, client, server, nil, Options{})
			c.wire.conn = server
			began := time.Now()
			leave(c)
			if took := time.Since(began); took != 0 {
				t.Errorf("%s: it took %v", name, took)
			}
			if _, err := c.Read(); err == nil {
				_, err = c.wire.conn.Read(make([]byte, 1))
				if err == nil {
					t.Errorf("%s: want it closed", name)
				}
			}
		}
		near, far := net.Pipe()
		client, server := secured(t, near, far)
		c, _ := upgrade(t, client, server, nil, Options{})
		c.wire.conn = server
		began := time.Now()
		c.Finish(1012, AppendClose(nil, 1012, "restart"))
		if took := time.Since(began); took != closeTimeout {
			t.Errorf("the last words took %v, want %v", took, closeTimeout)
		}
		if err := c.Write(Ping()); !errors.Is(err, ErrSealed) {
			t.Errorf("want nothing behind a record that was cut, got %v", err)
		}
	})
}
