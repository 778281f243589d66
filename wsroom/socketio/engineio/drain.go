package engineio

import (
	"context"

	"notifier/wsroom"
)

// Drain tells every client that polls to come back, and returns when all have heard it, or did not come for it in time, or ctx ends. A WebSocket can be told
// at any time, but a client that polls only by answering it: the address must not close before. The hub must take no new members any more.
// At the end it lets go of clients that poll here for a session of another daemon.
func (srv *Server) Drain(ctx context.Context) {
	sessions, empty := srv.table.drain()
	for _, s := range sessions {
		s.member.End(wsroom.Restart, true)
	}
	select {
	case <-empty:
	case <-ctx.Done():
	}
	srv.letGo(ctx) // those of other daemons' sessions, which stay
}
