package auth

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// skew is what clocks may differ by where that lets a token in early (nbf, iat). exp has none: it ends the connection.
	skew = 60 * time.Second
	// maxDate is the first second of the year 10000. Beyond it lies an issuer that counts milliseconds: its tokens would
	// practically never end.
	maxDate = 253402300800
	// maxNumber is 2^53: from there on JavaScript, where most tokens are made, cannot tell neighbouring numbers apart.
	maxNumber = 1 << 53
)

// claims is a decoded claim set: the numbers in it are json.Number.
type claims map[string]any

func parseClaims(payload []byte) (claims, *Error) {
	object, ok := decodeObject(payload)
	if !ok {
		return nil, errClaims
	}
	return object, nil
}

// checkParties compares iss and aud with what is configured; an empty setting is not checked.
func (c claims) checkParties(issuer, audience string) *Error {
	if issuer != "" && c["iss"] != any(issuer) {
		return errIssuer
	}
	if audience == "" || c["aud"] == any(audience) {
		return nil
	}
	if list, ok := c["aud"].([]any); ok && slices.Contains(list, any(audience)) {
		return nil
	}
	return errAudience
}

// checkTime gives the end of the token. A fraction of a second is cut off, since connections end to the second and never late.
func (c claims) checkTime(now time.Time) (time.Time, *Error) {
	exp, ok := c["exp"]
	if !ok {
		return time.Time{}, errNoExpiry
	}
	end, ok := numericDate(exp)
	if !ok {
		return time.Time{}, errExpiry
	}
	if nbf, ok := c["nbf"]; ok {
		from, ok := numericDate(nbf)
		if !ok {
			return time.Time{}, errNotBefore
		}
		if now.Before(from.Add(-skew)) {
			return time.Time{}, errNotYetValid
		}
	}
	if iat, ok := c["iat"]; ok {
		issued, ok := numericDate(iat)
		if !ok {
			return time.Time{}, errIssuedAt
		}
		if now.Before(issued.Add(-skew)) {
			return time.Time{}, errFromFuture
		}
	}
	if !now.Before(end) {
		return time.Time{}, errExpired
	}
	return end, nil
}

// numericDate reads the seconds since 1970 of RFC 7519, 2, which may have a fraction.
func numericDate(value any) (time.Time, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := number.Float64() // exact below 2^53, and the limit is far below
	if err != nil || seconds < 0 || seconds >= maxDate {
		return time.Time{}, false
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC(), true
}

// account finds the account and reads it. A claim of exactly the configured name wins, also where its value is no account: a name
// such as "https://clinic.example/account" has dots of its own.
func (c claims) account(claim string) (string, *Error) {
	value, ok := c[claim]
	if !ok {
		value, ok = c.at(strings.Split(claim, "."))
	}
	if !ok {
		return "", errNoAccount
	}
	account, ok := accountName(value)
	if !ok {
		return "", errAccount
	}
	return account, nil
}

// at follows a path through nested objects. Arrays have no names, so a path does not lead into one.
func (c claims) at(path []string) (any, bool) {
	var value any = map[string]any(c)
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// accountName gives the one spelling of an account. A number counts if it is written in plain digits (0 to 2^53-1): 1.0, 1e3
// and -1 are refused, since to one reader they are and to another they are not the room "1" or "1000".
func accountName(value any) (string, bool) {
	switch value := value.(type) {
	case json.Number:
		if wholeNumber(value.String()) {
			return value.String(), true
		}
	case string:
		if accountText(value) {
			return value, true
		}
	}
	return "", false
}

// accountText refuses, beside the empty string, two characters that would make different accounts one, or one account a fault
// for others: U+FFFD, which stands for anything that could not be decoded (the lone surrogates "\ud800" and "\ud801" both
// become it), and NUL, which no text of PostgreSQL can hold.
func accountText(text string) bool {
	return text != "" && !strings.ContainsAny(text, "\x00\uFFFD")
}

// wholeNumber is true for 0 to 2^53-1 in plain digits, without sign, leading zero, point or exponent.
func wholeNumber(text string) bool {
	if text == "" || (text[0] == '0' && text != "0") || strings.Trim(text, "0123456789") != "" {
		return false
	}
	number, err := strconv.ParseUint(text, 10, 64)
	return err == nil && number < maxNumber
}

// subject is sub as a label. RFC 7519 wants a string; issuers who send a user's number are common.
func (c claims) subject() string {
	subject, _ := accountName(c["sub"])
	return subject
}
