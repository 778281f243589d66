package wsroom

import (
	"encoding/json"
	"fmt"
)

// authMessage is the only thing that a client has to say.
type authMessage struct {
	Type   string `json:"type"`
	Token  string `json:"token"`
	Cursor string `json:"cursor"`
}

// decodeAuth decodes a client's text frame, whose length is bounded by the reader. Unknown keys are let pass, so that clients may be newer than
// the server; an unknown type is not.
func decodeAuth(frame []byte) (authMessage, error) {
	var message authMessage
	if err := json.Unmarshal(frame, &message); err != nil {
		return authMessage{}, fmt.Errorf("decode client frame: %w", errNotJSON) // err may quote the frame, and the frame a token
	}
	if message.Type != "auth" {
		return authMessage{}, fmt.Errorf("decode client frame: %w", errUnknownType)
	}
	return message, nil
}
