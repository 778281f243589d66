package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"testing"
	"time"

	"notifier/auth"
)

// The issuer of these tests signs with the standard library, so that what the verifier makes of the library behind it is
// compared with something else, and so that tokens can be wrong in every way.

var (
	secret  = []byte("a secret of the tests, 32 bytes and more")
	rsaOne  = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	rsaTwo  = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	rsaWeak = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 1024)) })
	p256    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
	ed      = sync.OnceValue(func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	})
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// noon is the clock of tests that do not need a real one.
var noon = time.Date(2025, time.January, 23, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// obj is written as JSON with its keys sorted; a json.RawMessage in it stands as it is.
type obj map[string]any

// token signs with an algorithm and a key that need not belong together. A header or payload of type string is taken as it is.
func token(alg string, key any, header, payload any) string {
	signed := part(header) + "." + part(payload)
	return signed + "." + b64(signature(alg, key, signed))
}

// hs is the common case.
func hs(payload any) string {
	return token("HS256", secret, obj{"alg": "HS256", "typ": "JWT"}, payload)
}

// good is the claim set that every verifier here accepts at noon, with some claims changed; a nil value removes one.
func good(changes ...obj) obj {
	set := obj{"accountId": 1, "sub": "7", "iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix()}
	for _, change := range changes {
		for name, value := range change {
			set[name] = value
			if value == nil {
				delete(set, name)
			}
		}
	}
	return set
}

func part(content any) string {
	if text, ok := content.(string); ok {
		return b64([]byte(text))
	}
	return b64(must(json.Marshal(content)))
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func signature(alg string, key any, signed string) []byte {
	hashes := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}
	digest := func(h crypto.Hash) []byte {
		state := h.New()
		state.Write([]byte(signed))
		return state.Sum(nil)
	}
	h := hashes[alg[len(alg)-3:]]
	switch key := key.(type) {
	case []byte:
		mac := hmac.New(map[crypto.Hash]func() hash.Hash{
			crypto.SHA256: sha256.New, crypto.SHA384: sha512.New384, crypto.SHA512: sha512.New}[h], key)
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			return must(rsa.SignPSS(rand.Reader, key, h, digest(h), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
		}
		return must(rsa.SignPKCS1v15(rand.Reader, key, h, digest(h)))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest(h))
		size := (must(key, err).Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(signed))
	default:
		panic(fmt.Sprintf("no signature by %T", key))
	}
}

// jwkOf is the public JWK of a key, with further members.
func jwkOf(kid string, key any, more ...obj) obj {
	var member obj
	switch key := key.(type) {
	case []byte:
		member = obj{"kty": "oct", "k": b64(key)}
	case *rsa.PrivateKey:
		member = obj{"kty": "RSA", "n": b64(key.N.Bytes()), "e": "AQAB"}
	case *ecdsa.PrivateKey:
		point := must(key.PublicKey.Bytes())[1:] // uncompressed: 4, x, y
		half := len(point) / 2
		member = obj{"kty": "EC", "crv": key.Params().Name, "x": b64(point[:half]), "y": b64(point[half:])}
	case ed25519.PrivateKey:
		member = obj{"kty": "OKP", "crv": "Ed25519", "x": b64(key.Public().(ed25519.PublicKey))}
	default:
		panic(fmt.Sprintf("no JWK of %T", key))
	}
	if kid != "" {
		member["kid"] = kid
	}
	for _, change := range more {
		for name, value := range change {
			member[name] = value
		}
	}
	return member
}

func jwks(keys ...obj) string {
	if keys == nil {
		keys = []obj{}
	}
	return string(must(json.Marshal(obj{"keys": keys})))
}

func newVerifier(t testing.TB, cfg auth.Config) *auth.Verifier {
	t.Helper()
	v, err := auth.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return v
}

// wantCode fails unless err carries exactly this code ("" for none).
func wantCode(t testing.TB, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		refusal, ok := errors.AsType[*auth.Error](err)
		if !ok {
			t.Fatalf("error %v is a %T, want *auth.Error", err, err)
		}
		got = refusal.Code()
	}
	if got != want {
		t.Fatalf("got code %q (%v), want %q", got, err, want)
	}
}
