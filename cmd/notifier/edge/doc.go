// Package edge is what stands between the network and the handlers of the public address: who may wait there without having said anything (Gate), whose
// word counts for where a client comes from (Proxies), the certificate (Certificate), and what every answer tells browsers (Headers).
//
// HTTP/2 is not offered: our WebSockets are HTTP/1.1 connections that are taken over, coder/websocket has no RFC 8441, and a browser that has
// HTTP/2 to a host would poll on it and open a second connection for the WebSocket.
package edge

// Metrics hears what the edge does.
type Metrics interface {
	// Refused is called for each connection that a limit cost.
	Refused(limit string)
}
