// Package socketio speaks Socket.IO 5 over Engine.IO 4 to members of the hub's rooms, so that a page with a stock socket.io-client only has to change its
// URL. The server talks; what clients emit is read, acknowledged if that is asked for, and dropped.
//
// What a client missed while it was away comes by Socket.IO's own connection state recovery, with the log behind it instead of a server's memory: it
// works on any server and after any restart. README.md has the details for those who write clients.
package socketio
