package auth

// What a client is told. The codes are part of the wire contract and never change their meaning.
const (
	// CodeTokenMissing: there was no token at all.
	CodeTokenMissing = "token_missing"
	// CodeTokenInvalid: this token will never be accepted as things are configured. The client needs another one.
	CodeTokenInvalid = "token_invalid"
	// CodeTokenExpired: everything about the token was right except that its time is over. A renewed one will do.
	CodeTokenExpired = "token_expired"
	// CodeKeysUnavailable: nothing was decided, since the key that should judge the token could not be had. The same token may
	// be good later, so this must not end a login.
	CodeKeysUnavailable = "keys_unavailable"
)

// Error is the refusal of a token. Code is for the client. Error is the cause, for the log: a fixed text that names what was
// wrong and never what the token said, so that neither a token nor a person can be read out of a log.
type Error struct {
	code  string
	cause string
	err   error
}

// Code is one of the Code constants.
func (e *Error) Code() string { return e.code }

// Error is the cause.
func (e *Error) Error() string {
	if e.err != nil {
		return e.cause + ": " + e.err.Error()
	}
	return e.cause
}

// Unwrap gives the reason why a wait for keys was given up (a context's cause), nil otherwise.
func (e *Error) Unwrap() error { return e.err }

func invalid(cause string) *Error     { return &Error{code: CodeTokenInvalid, cause: cause} }
func unavailable(cause string) *Error { return &Error{code: CodeKeysUnavailable, cause: cause} }

// The causes. All of them are fixed: what comes out of a token is never put into one.
var (
	errMissing = &Error{code: CodeTokenMissing, cause: "no token was given"}
	errExpired = &Error{code: CodeTokenExpired, cause: "token has expired"}

	errTooLong    = invalid("token is longer than 8192 bytes")
	errNotCompact = invalid("token is not three base64url parts")
	errHeader     = invalid("token header is not a JSON object with unique names")
	errAlgorithm  = invalid("token header names no supported algorithm")
	errNoSecret   = invalid("token is signed with a shared secret, and none is configured")
	errNoJWKS     = invalid("token is signed with a private key, and no JWKS URL is configured")
	errCritical   = invalid("token header demands an extension (crit)")
	errKeyID      = invalid("token header has a kid that is not a string of at most 256 bytes")
	errSignature  = invalid("token signature does not verify")
	errUnknownKey = invalid("token is signed by a key that the JWKS does not have")

	errClaims      = invalid("token payload is not a JSON object with unique names")
	errIssuer      = invalid("token issuer is not the configured one")
	errAudience    = invalid("token audience does not contain the configured one")
	errNoAccount   = invalid("token has no account claim of the configured name or path")
	errAccount     = invalid("token account is neither a whole number below 2^53 nor a non-empty string")
	errNoExpiry    = invalid("token has no exp")
	errExpiry      = invalid("token exp is not a number of seconds before the year 10000")
	errNotBefore   = invalid("token nbf is not a number of seconds before the year 10000")
	errIssuedAt    = invalid("token iat is not a number of seconds before the year 10000")
	errNotYetValid = invalid("token is not valid yet (nbf)")
	errFromFuture  = invalid("token was issued in the future (iat)")

	errNeverLoaded = unavailable("the keys of the JWKS URL were never loaded")
	errKeysStale   = unavailable("token is signed by an unknown key, and the JWKS URL does not answer")
	errKeysLimited = unavailable("token is signed by an unknown key, and the JWKS URL was asked less than 15 s ago")
)
