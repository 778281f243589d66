package roomtest

import (
	"context"
	"net"
	"sync"
)

// Pipes is a net.Listener whose connections are net.Pipes, for a bubble of testing/synctest. A pipe buffers nothing: a client that does not read holds a
// write up at once.
type Pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// NewPipes makes one.
func NewPipes() *Pipes { return &Pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

// Dial connects to it, whatever the address.
func (l *Pipes) Dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener, as the next two do.
func (l *Pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close lets nobody in any more.
func (l *Pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is no place.
func (l *Pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
