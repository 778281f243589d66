package edge

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// LimitHandshakes is how Metrics hears of connections that the gate has closed.
const LimitHandshakes = "handshakes"

// Gate bounds how many connections may be open without a request: in the TLS handshake, in the middle of a header, between two requests. When more
// come, the oldest is closed, so that under an attack who is quick still gets in. It knows nothing of connections that have said what they want:
// those are their handlers' business, and a socket that was taken over costs it nothing.
type Gate struct {
	limit   int
	metrics Metrics

	mu    sync.Mutex
	order *list.List // of net.Conn, the oldest in front
	place map[net.Conn]*list.Element
}

// NewGate returns a gate for so many connections; 0: any number.
func NewGate(limit int, metrics Metrics) *Gate {
	return &Gate{limit: limit, metrics: metrics, order: list.New(), place: map[net.Conn]*list.Element{}}
}

// ConnState is for http.Server, which calls it with StateActive when it has read a header, or failed to.
func (g *Gate) ConnState(conn net.Conn, state http.ConnState) {
	if g.limit <= 0 {
		return
	}
	switch state {
	case http.StateNew, http.StateIdle:
		if oldest := g.enter(conn); oldest != nil {
			g.metrics.Refused(LimitHandshakes)
			_ = bare(oldest).Close() // its goroutine finds out
		}
	default:
		g.leave(conn)
	}
}

// Waiting is how many there are now.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.order.Len()
}

// enter returns who has to go, or nil.
func (g *Gate) enter(conn net.Conn) net.Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.place[conn] != nil {
		return nil
	}
	g.place[conn] = g.order.PushBack(conn)
	if g.order.Len() <= g.limit {
		return nil
	}
	oldest := g.order.Remove(g.order.Front()).(net.Conn)
	delete(g.place, oldest)
	return oldest
}

func (g *Gate) leave(conn net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.place[conn]; at != nil {
		g.order.Remove(at)
		delete(g.place, conn)
	}
}

// bare is the connection under TLS, whose own Close may wait for a peer that takes nothing.
func bare(conn net.Conn) net.Conn {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return secure.NetConn()
	}
	return conn
}
