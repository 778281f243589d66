package wsroom

import (
	"bytes"
	"encoding/json"
	"time"
)

// The frames that the server sends in the plain protocol, as README.md shows them. The keys' order is part of what people see.

// Plain is the protocol of /ws.
var Plain = NewProtocol("ws", appendPlainEvent, appendPlainCursor)

// appendPlainEvent appends {"type":"event","id":"1-43","event":"appointmnents.finished","data":{…}}.
func appendPlainEvent(dst []byte, ev Event) []byte {
	dst = append(dst, `{"type":"event","id":`...)
	dst = AppendString(dst, ev.ID)
	dst = append(dst, `,"event":`...)
	dst = AppendString(dst, ev.Name)
	dst = append(dst, `,"data":`...)
	dst = append(dst, ev.Data...)
	return append(dst, '}')
}

// appendPlainCursor appends {"type":"cursor","cursor":"1-99"}.
func appendPlainCursor(dst []byte, cursor string) []byte {
	dst = append(dst, `{"type":"cursor","cursor":`...)
	dst = AppendString(dst, cursor)
	return append(dst, '}')
}

func appendWelcome(dst []byte, account, cursor string, recovered bool, expiresAt time.Time) []byte {
	dst = append(dst, `{"type":"welcome","accountId":`...)
	dst = AppendString(dst, account)
	dst = append(dst, `,"cursor":`...)
	dst = AppendString(dst, cursor)
	dst = append(dst, `,"recovered":`...)
	if recovered {
		dst = append(dst, "true"...)
	} else {
		dst = append(dst, "false"...)
	}
	dst = append(dst, `,"expiresAt":`...)
	dst = appendTime(dst, expiresAt)
	return append(dst, '}')
}

// appendExpiry appends a frame of type "expiring" or "renewed".
func appendExpiry(dst []byte, kind string, expiresAt time.Time) []byte {
	dst = append(dst, `{"type":`...)
	dst = AppendString(dst, kind)
	dst = append(dst, `,"expiresAt":`...)
	dst = appendTime(dst, expiresAt)
	return append(dst, '}')
}

// appendError appends {"type":"error","code":"token_expired","message":"…"}.
func appendError(dst []byte, code, message string) []byte {
	dst = append(dst, `{"type":"error","code":`...)
	dst = AppendString(dst, code)
	dst = append(dst, `,"message":`...)
	dst = AppendString(dst, message)
	return append(dst, '}')
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, time.RFC3339)
	return append(dst, '"')
}

// AppendString appends s as a JSON string. Ids, event names and most accounts need no escape. <, > and & get none either: no frame is part of an HTML
// page, and people read them.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			var quoted bytes.Buffer
			encoder := json.NewEncoder(&quoted)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(s); err != nil {
				panic("wsroom: encode string: " + err.Error()) // a string always encodes
			}
			return append(dst, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
