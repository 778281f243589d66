// Package engineio is the server side of Engine.IO 4, the transport under Socket.IO: sessions over HTTP long-polling and over WebSocket, the upgrade
// from one to the other, and the server's pings.
//
// A session is a wsroom.Member from its handshake on, and everything that it sends, its pings included, goes through the member's queue. So a
// transport is nothing but who takes from the queue: a held GET, or the crew that writes for all WebSockets. An upgrade changes the taker; what is queued
// at that moment is neither lost nor doubled, and a client that does not take is evicted in the same way on both.
//
// On a WebSocket an idle session costs what one of /ws costs: one goroutine, small buffers, one timer. While polling it costs no goroutine but
// that of the held request.
//
// Nobody here knows tokens, rooms or Socket.IO packets: that is the Application.
package engineio
