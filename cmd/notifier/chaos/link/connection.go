package link

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// receiveBuffer is what the kernel takes for us before a sender feels that we read nothing. By itself it
// would grow to megabytes, and the server behind a frozen client would notice nothing for a long time.
const receiveBuffer = 64 << 10

// connection is one client's, through to the server.
type connection struct {
	link      *Link
	client    net.Conn
	cut       context.CancelFunc
	swallowed atomic.Bool
}

// run carries bytes until both ends have closed, or ctx ends or one end fails: then both are reset.
func (c *connection) run(ctx context.Context) {
	defer c.cut()
	server, err := c.connect(ctx)
	if err != nil {
		reset(c.client)
		return
	}
	limitBuffer(c.client)
	limitBuffer(server)
	wasReset := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(wasReset)
		reset(c.client)
		reset(server)
	})
	up := newLane(c.client, server, func(f *faults) bool { return f.blackHole || c.swallowed.Load() })
	down := newLane(server, c.client, func(f *faults) bool { return f.blackHole || f.frozen || c.swallowed.Load() })
	var group sync.WaitGroup
	for _, lane := range []*lane{up, down} {
		group.Go(func() { lane.read(ctx) })
		group.Go(func() { lane.write(ctx, &c.link.faults, c.cut) })
	}
	group.Wait()
	if !stop() {
		<-wasReset
		return
	}
	_ = c.client.Close() // both directions have ended: there is nothing to lose
	_ = server.Close()
}

// connect dials the server, as soon as the link is no black hole.
func (c *connection) connect(ctx context.Context) (net.Conn, error) {
	for {
		f := c.link.faults.Load()
		if !f.blackHole {
			return f.dial(ctx)
		}
		select {
		case <-f.changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func limitBuffer(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(receiveBuffer) // one that has just been closed
	}
}

// reset closes a connection so that a TCP peer sees a reset and not an end.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails if it is closed
	}
	_ = conn.Close()
}
