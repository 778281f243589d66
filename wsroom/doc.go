// Package wsroom holds rooms of connections and speaks the plain WebSocket protocol with them.
//
// A room is an account ("orders.account.<id>", keyed by the id). A feed publishes events into the Hub; each connection is a Member with a
// bounded queue. Publishing never blocks: it queues bytes that were encoded once per wire protocol, and a member whose queue is full is
// evicted. NewHandler is the protocol of /ws; other protocols can be built on Attach, Join, Replay, Take and Live: package socketio is.
//
// What a member costs while nothing happens is decided here: one goroutine, buffers of 128 bytes, one timer, no queue. README.md has the
// protocol for those who write clients, and the figures.
package wsroom
