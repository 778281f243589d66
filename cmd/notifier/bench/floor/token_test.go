package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// signedHeader is a token that a correct signer would not make.
func signedHeader(header, claims string) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return "Bearer " + signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
