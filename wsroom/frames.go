package wsroom

import (
	"encoding/json"
	"time"
)

// The frames that the server sends in the plain protocol, as README.md shows them. The keys' order is part of what people see.

// Plain is the protocol of /ws.
var Plain = NewProtocol("ws", appendPlainEvent, appendPlainCursor)

// appendPlainEvent appends {"type":"event","id":"1-43","event":"appointmnents.finished","data":{…}}.
func appendPlainEvent(dst []byte, ev Event) []byte {
	dst = append(dst, `{"type":"event","id":`...)
	dst = appendString(dst, ev.ID)
	dst = append(dst, `,"event":`...)
	dst = appendString(dst, ev.Name)
	dst = append(dst, `,"data":`...)
	dst = append(dst, ev.Data...)
	return append(dst, '}')
}

// appendPlainCursor appends {"type":"cursor","cursor":"1-99"}.
func appendPlainCursor(dst []byte, cursor string) []byte {
	dst = append(dst, `{"type":"cursor","cursor":`...)
	dst = appendString(dst, cursor)
	return append(dst, '}')
}

func appendWelcome(dst []byte, account, cursor string, recovered bool, expiresAt time.Time) []byte {
	dst = append(dst, `{"type":"welcome","accountId":`...)
	dst = appendString(dst, account)
	dst = append(dst, `,"cursor":`...)
	dst = appendString(dst, cursor)
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
	dst = appendString(dst, kind)
	dst = append(dst, `,"expiresAt":`...)
	dst = appendTime(dst, expiresAt)
	return append(dst, '}')
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, time.RFC3339)
	return append(dst, '"')
}

// appendString appends s as a JSON string. Ids, event names and most accounts need no escape.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic("wsroom: encode string: " + err.Error()) // a string always encodes
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
