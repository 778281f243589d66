// Package socket is one WebSocket connection as a server with very many of them wants it: on github.com/coder/websocket, but with
// buffers of 128 bytes instead of net/http's 4 KiB, with whole frames that are encoded elsewhere and shared by many connections,
// and with an end that never waits for a mute peer.
//
// coder/websocket keeps what it is good at: the handshake, parsing and unmasking what the client sends, answering pings and the
// closing handshake. What the server sends goes past it: frames of a server are not masked, so the bytes of an event are the same
// for everybody. Both write through one wrapper around the net.Conn whose mutex is held for whole frames, so they never
// interleave, and after a close frame nothing follows, whoever wrote it.
//
// Nobody here knows rooms, tokens or JSON; the packages above do.
package socket
