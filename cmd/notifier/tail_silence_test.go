package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// pipes is a listener and a dialer over net.Pipe: a network inside of a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestTailLeavesASilentServerButNotAQuietOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		quiet, silent := 10*time.Minute, time.Minute
		play := &screenplay{t: t, scripts: []func(http.ResponseWriter, *http.Request){
			talk(t, "", func(ctx context.Context, conn *websocket.Conn) {
				send(t, conn, welcome("1-5", false))
				ctx = conn.CloseRead(ctx)
				for time.Since(began) < quiet { // pings and nothing else
					time.Sleep(25 * time.Second)
					if err := conn.Ping(ctx); err != nil {
						t.Errorf("after %s: %v", time.Since(began), err)
					}
				}
				<-ctx.Done() // then not even that, until the other side has had enough
				if got := time.Since(began); got < quiet+silent || got > quiet+silent+time.Second {
					t.Errorf("the silent server is left after %s", got)
				}
			}),
			talk(t, "1-5", func(_ context.Context, conn *websocket.Conn) { bye(t, conn, closeToken, "token_expired") }),
		}}
		network := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: play}
		serving := make(chan error, 1)
		go func() { serving <- server.Serve(network) }()

		var out, said bytes.Buffer
		subject := newTail(tailSettings{url: "ws://daemon/ws", token: testToken, silence: silent}, &out, &said)
		subject.client = &http.Client{Transport: &http.Transport{DialContext: network.dial, DisableKeepAlives: true}}
		if err := subject.run(t.Context()); err == nil || !strings.Contains(err.Error(), "token_expired") {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(said.String(), errSilent.Error()) {
			t.Errorf("notes:\n%s", said.String())
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-serving; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		play.running.Wait()
	})
}
