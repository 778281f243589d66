// Package auth turns a bearer token into the identity of a connection: the account whose room it joins, and the second at
// which it must leave it.
//
// A Verifier judges JSON Web Tokens (RFC 7519) in JWS compact form, by shared secrets (HS256/384/512), by the public keys of a
// JWKS URL (RS, PS, ES, EdDSA), or by both. Which algorithms exist is settled by the configuration; the token's header only
// picks one of them, and a key of one kind never verifies a signature of another.
//
//	v, err := auth.New(auth.Config{Secrets: [][]byte{secret}})
//	go v.Run(ctx)                          // keeps the keys of a JWKS URL fresh; the owner waits for it
//	id, err := v.Verify(ctx, token)        // id.Account names the room, id.ExpiresAt ends the connection
//
// Every error of Verify is an *Error: its Code goes to the client, its text to the log. Neither holds any part of the token.
//
// The library that does the cryptography is used in jwx.go and nowhere else; README.md says what a change of it would take.
package auth
