package auth_test

import (
	"testing"

	"notifier/auth"
)

// BenchmarkVerify is the cost of one handshake's token: everything from the text to the identity.
func BenchmarkVerify(b *testing.B) {
	claims := good(obj{"iss": "clinic", "aud": []string{"api", "screens"}, "name": "Reception", "scope": "read write"})
	keys := jwks(jwkOf("rsa", rsaOne()), jwkOf("p256", p256()), jwkOf("ed", ed()))
	v := newVerifier(b, auth.Config{
		Secrets: [][]byte{secret}, JWKSURL: serveJWKS(b, keys), Issuer: "clinic", Audience: "screens", Now: atNoon,
	})
	if err := v.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, token string }{
		{"HS256", hs(claims)},
		{"RS256", token("RS256", rsaOne(), obj{"alg": "RS256", "kid": "rsa"}, claims)},
		{"PS256", token("PS256", rsaOne(), obj{"alg": "PS256", "kid": "rsa"}, claims)},
		{"ES256", token("ES256", p256(), obj{"alg": "ES256", "kid": "p256"}, claims)},
		{"EdDSA", token("ES512", ed(), obj{"alg": "EdDSA", "kid": "ed"}, claims)},
		{"refused", token("HS256", []byte("another"), obj{"alg": "HS256"}, claims)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := v.Verify(b.Context(), c.token)
				if (err == nil) == (c.name == "refused") {
					b.Fatal(err)
				}
			}
		})
	}
}
