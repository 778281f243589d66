package wsroom

import (
	"net/http"

	"notifier/wsroom/socket"
)

// Ending is a reason for which the server ends a connection: the close code of the WebSocket, the code in the error frame before it (also
// the reason in the close frame), and a fixed text. The causes of an ending are for the log; a client never sees them.
type Ending struct {
	Close   int
	Code    string
	Message string

	frames []byte // error frame and close frame, encoded once
}

// Endings is the table of close codes, as promised in README.md. Whether a client should come back can be told from the close code alone.
var (
	TokenMissing       = ending(4401, "token_missing", "bring a token: Authorization header, subprotocol bearer.<token>, or an auth message within 10 s")
	TokenInvalid       = ending(4401, "token_invalid", "the token is not valid")
	TokenExpired       = ending(4401, "token_expired", "the token has expired: come back with a new one")
	OriginForbidden    = ending(4403, "origin_forbidden", "this origin may not connect")
	AccountForbidden   = ending(4403, "account_forbidden", "a connection cannot change its account")
	Slow               = silent(4408, "slow")
	TooManyConnections = ending(4429, "too_many_connections", "too many connections: try again later")
	ProtocolViolated   = ending(1008, "protocol_violated", "expected a JSON text frame of a known type")
	Flood              = ending(1008, "flood", "too many frames")
	TooBig             = ending(1009, "protocol_violated", "a frame may have at most 16 KiB")
	Restart            = ending(1012, "restart", "the server restarts: come back with your cursor")
	Resync             = ending(1012, "resync", "the log went back: come back with your cursor")
	Unavailable        = ending(1013, "unavailable", "the database is not available: try again later")
	KeysUnavailable    = ending(1013, "keys_unavailable", "the keys to check tokens are not available: try again later")

	// Lost is the ending of a connection that does not work any more: there is nobody to tell.
	Lost = &Ending{Close: 1006, Code: "lost"}
)

// status is what stands for the close code where there is no WebSocket to close.
func (e *Ending) status() int {
	switch e {
	case OriginForbidden:
		return http.StatusForbidden
	case TooManyConnections:
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// byCode are the endings that an Authenticator's error may name by its Code() string.
var byCode = map[string]*Ending{
	TokenMissing.Code:     TokenMissing,
	TokenInvalid.Code:     TokenInvalid,
	TokenExpired.Code:     TokenExpired,
	AccountForbidden.Code: AccountForbidden,
	KeysUnavailable.Code:  KeysUnavailable,
	Unavailable.Code:      Unavailable,
}

func ending(closeCode int, code, message string) *Ending {
	e := silent(closeCode, code)
	e.Message = message
	e.frames = append(socket.AppendText(nil, appendError(nil, code, message)), e.frames...)
	return e
}

// silent is an ending without an error frame.
func silent(closeCode int, code string) *Ending {
	return &Ending{Close: closeCode, Code: code, frames: socket.AppendClose(nil, closeCode, code)}
}
