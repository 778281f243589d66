package socketio

import (
	"notifier/wsroom"
)

// Two protocols over the same rooms: with recovery every event carries its id as a last argument, which the client takes for its offset; without it the
// bytes are those of a plain Socket.IO server.
var (
	recovering = wsroom.NewProtocol("socketio", appendEventWithID, appendCursor)
	plain      = wsroom.NewProtocol("socketio", appendEvent, appendCursor)
)

// appendEvent appends 42["appointmnents.finished",{…}].
func appendEvent(dst []byte, ev wsroom.Event) []byte { return append(appendUnclosed(dst, ev), ']') }

// appendEventWithID appends 42["appointmnents.finished",{…},"1-43"].
func appendEventWithID(dst []byte, ev wsroom.Event) []byte {
	dst = append(appendUnclosed(dst, ev), ',')
	return append(wsroom.AppendString(dst, ev.ID), ']')
}

func appendUnclosed(dst []byte, ev wsroom.Event) []byte {
	dst = append(dst, `42[`...)
	dst = wsroom.AppendString(dst, ev.Name)
	dst = append(dst, ',')
	return append(dst, ev.Data...)
}

// appendCursor appends 42["$cursor","1-99"]: an event that nobody listens to, whose last argument moves the client's offset.
func appendCursor(dst []byte, cursor string) []byte {
	dst = append(dst, `42["$cursor",`...)
	return append(wsroom.AppendString(dst, cursor), ']')
}

// connected is 40{"sid":"…","pid":"…"}; without recovery there is no pid. The client's stream begins at the cursor.
func connected(sid, pid, cursor string) *wsroom.Message {
	dst := wsroom.AppendString([]byte(`40{"sid":`), sid)
	if pid != "" {
		dst = wsroom.AppendString(append(dst, `,"pid":`...), pid)
	}
	return wsroom.NewMessageAt(append(dst, '}'), cursor)
}

// refused is 44{"message":"…","data":{"code":"…"}}.
func refused(reason *wsroom.Ending) *wsroom.Message {
	message := reason.Message
	if reason == wsroom.TokenMissing { // there are other ways to bring one than on /ws
		message = "bring a token: auth.token, or an Authorization header with the opening request"
	}
	dst := wsroom.AppendString([]byte(`44{"message":`), message)
	dst = wsroom.AppendString(append(dst, `,"data":{"code":`...), reason.Code)
	return wsroom.NewMessage(append(dst, "}}"...))
}

// noNamespace is 44/x,{"message":"Invalid namespace"}.
func noNamespace(namespace string) *wsroom.Message {
	return wsroom.NewMessage(AppendPacket(nil, Packet{Kind: ConnectError, Namespace: namespace, Data: []byte(`{"message":"Invalid namespace"}`)}))
}

// acknowledged is 43<id>[].
func acknowledged(id string) *wsroom.Message {
	return wsroom.NewMessage(AppendPacket(nil, Packet{Kind: Ack, ID: id, Data: []byte("[]")}))
}

// disconnected is 41.
var disconnected = wsroom.NewMessage(AppendPacket(nil, Packet{Kind: Disconnect}))
