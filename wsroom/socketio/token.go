package socketio

import (
	"encoding/json"
	"net/http"
	"strings"

	"notifier/wsroom"
)

// maxToken is the longest token that is looked at: what fits into the headers of a request.
const maxToken = 16 << 10

// handshake is what a CONNECT packet's payload can hold for us.
type handshake struct {
	token, pid, offset string
}

// parseHandshake reads a payload that is an object or empty. Keys of other types than string are as good as absent: the payload is the application's.
func parseHandshake(data []byte) handshake {
	var fields map[string]json.RawMessage
	if len(data) == 0 || json.Unmarshal(data, &fields) != nil {
		return handshake{}
	}
	text := func(key string) (value string) {
		if json.Unmarshal(fields[key], &value) != nil {
			return ""
		}
		return value
	}
	return handshake{token: bare(text("token")), pid: text("pid"), offset: text("offset")}
}

// openingToken is the token of the opening request: the Authorization header's, else, where that is allowed, the query's.
func openingToken(r *http.Request, allowQuery bool) string {
	if token := bare(r.Header.Get("Authorization")); token != "" || !allowQuery {
		return token
	}
	return bare(wsroom.QueryToken(r))
}

// bare takes a token as applications send it, raw or behind "Bearer ".
func bare(text string) string {
	if token := wsroom.TrimBearer(text); token != "" {
		return token
	}
	if text = strings.TrimSpace(text); strings.ContainsAny(text, " \t") || strings.EqualFold(text, "bearer") {
		return "" // another scheme
	}
	return text
}
