package auth

import (
	"encoding/base64"
	"strings"
)

const (
	// maxToken is twice what browsers and proxies carry in a header anyway.
	maxToken = 8192
	// maxKeyID bounds what is remembered of unknown key ids.
	maxKeyID = 256
)

// compact is a token taken apart (RFC 7515, 7.1). Nothing in it is verified.
type compact struct {
	alg       algorithm
	kid       string // empty: none
	signed    []byte // header and payload as they were sent, which is what the signature is over
	payload   []byte
	signature []byte
}

// parseCompact takes a token apart and settles its algorithm. It is stricter than the library, which guesses between base64
// alphabets and accepts the JSON serialisation: there is one way to write a token, so that it means the same to everybody.
func parseCompact(token string) (*compact, *Error) {
	switch {
	case token == "":
		return nil, errMissing
	case len(token) > maxToken:
		return nil, errTooLong
	}
	header, rest, ok1 := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 {
		return nil, errNotCompact
	}
	t := &compact{signed: []byte(token[:len(header)+1+len(payload)])}
	head, ok := decodePart(header)
	if !ok {
		return nil, errNotCompact
	}
	if t.payload, ok = decodePart(payload); !ok {
		return nil, errNotCompact
	}
	if t.signature, ok = decodePart(signature); !ok {
		return nil, errNotCompact
	}
	if err := t.readHeader(head); err != nil {
		return nil, err
	}
	return t, nil
}

// decodePart decodes base64url without padding and with zero bits at the end. The decoder of the standard library skips line
// breaks, which have no place in a token.
func decodePart(part string) ([]byte, bool) {
	if part == "" || strings.ContainsAny(part, "\r\n") {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return raw, err == nil
}

// readHeader takes alg and kid. Whatever else is in a header is ignored, above all the places where a token offers a key of its
// own (jwk, jku, x5u, x5c); crit, which asks not to be ignored, is refused as RFC 7515, 4.1.11 demands.
func (t *compact) readHeader(raw []byte) *Error {
	header, ok := decodeObject(raw)
	if !ok {
		return errHeader
	}
	if _, ok := header["crit"]; ok {
		return errCritical
	}
	name, _ := header["alg"].(string)
	if t.alg, ok = algorithmNamed(name); !ok {
		return errAlgorithm
	}
	if kid, ok := header["kid"]; ok {
		if t.kid, ok = kid.(string); !ok || len(t.kid) > maxKeyID {
			return errKeyID
		}
	}
	return nil
}
