package main

import (
	"log/slog"

	"notifier/wsroom"
	"notifier/wsroom/socketio/engineio"
)

// echo sends every message back.
type echo struct{ session *engineio.Session }

// Message implements engineio.Application.
func (e echo) Message(data []byte, binary bool) (*wsroom.Ending, error) {
	if binary {
		e.session.Tell(wsroom.NewBinaryMessage(data))
	} else {
		e.session.Tell(wsroom.NewMessage(append([]byte{byte(engineio.Message)}, data...)))
	}
	return nil, nil
}

// Describe implements engineio.Application.
func (echo) Describe() []slog.Attr { return nil }
