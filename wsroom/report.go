package wsroom

import (
	"context"
	"errors"
	"log/slog"

	"notifier/wsroom/socket"
)

// report says once, at the edge, how a connection ended: by our reason, or else by what the reader met last.
func (s *session) report(ended *Ending, readErr error) {
	code, name := 1006, "lost"
	var closed socket.ClosedError
	switch {
	case ended == ProtocolViolated && s.conn.Sealed() == 1002:
		code, name = 1002, ended.Code // found by coder/websocket, which closes with its own code
	case ended != nil:
		code, name = ended.Close, ended.Code
	case errors.As(readErr, &closed):
		code, name = ClientCode(closed.Code), "left"
	}
	s.mu.Lock()
	cause := s.cause
	s.mu.Unlock()
	attrs := []slog.Attr{slog.String("conn", s.member.ID()), slog.String("remote_addr", AddrString(s.member.from)),
		slog.Int("close_code", code), slog.String("code", name)}
	if s.member.hub != nil {
		if account := s.member.Account(); account != "" {
			attrs = append(attrs, slog.String("account", account))
		}
	}
	if cause != nil {
		attrs = append(attrs, slog.Any("cause", cause))
	}
	level := slog.LevelInfo
	if s.member.hub == nil {
		level = slog.LevelDebug // it was not let in: anybody can do that, and Metrics.Refused counts it
	}
	s.handler.Logger.LogAttrs(context.Background(), level, "connection_closed", attrs...)
	s.handler.Metrics.Closed(code)
}

// ClientCode is the code of a client's close frame, of which a client may send any: it becomes a label, so there are few.
func ClientCode(code int) int {
	switch code {
	case 1000, 1001:
		return code
	}
	return 1005
}
