package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener has one connection, whose other end is read only by the test.
type pipeListener struct {
	conns chan net.Conn
	close sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	conn, open := <-l.conns
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l *pipeListener) Close() error { l.close.Do(func() { close(l.conns) }); return nil }

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestWhoAsksAndDoesNotReadIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{log: slog.New(slog.DiscardHandler)}
		server := d.publicServer(http.NotFoundHandler())
		client, conn := net.Pipe()
		listener := &pipeListener{conns: make(chan net.Conn, 1)}
		listener.conns <- conn
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()

		began := time.Now()
		written, err := io.Copy(client, strings.NewReader(strings.Repeat("GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 1000)))
		if took := time.Since(began); err == nil || took != writeTimeout {
			t.Errorf("the server took %d bytes for %v (%v), want it to close after %v", written, took, err, writeTimeout)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}
