package auth

// Everything that touches github.com/lestrrat-go/jwx is in this file: the signatures, the reading of one JWK, and the signing of
// development tokens. The rest of the package knows bytes, names and public keys of the standard library. What the library
// does more leniently than wanted here (guessing base64 alphabets, the JSON serialisation, preferring the key's algorithm
// over a header that says another, duplicate claims) is not used: the parsing is ours. README.md lists it.

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// keyKind separates the keys: a signature algorithm belongs to exactly one.
type keyKind int

const (
	secretKey keyKind = iota + 1
	rsaKey
	ellipticKey
	edwardsKey
)

// algorithm is one of the signature algorithms of RFC 7518, 3.1 and RFC 8037, 3.1 ("none" is not among them).
type algorithm struct {
	name     string
	kind     keyKind
	curve    elliptic.Curve // of an ellipticKey: ES256 is P-256 and nothing else
	verifier jws.Verifier   // immutable, hence shared
}

var algorithms = supportedAlgorithms()

func supportedAlgorithms() map[string]algorithm {
	table := make(map[string]algorithm)
	add := func(kind keyKind, curve elliptic.Curve, names ...jwa.SignatureAlgorithm) {
		for _, name := range names {
			verifier, err := jws.NewVerifier(name)
			if err != nil {
				panic(fmt.Sprintf("jwx lacks %s: %v", name, err)) // a constant of this program is wrong
			}
			table[name.String()] = algorithm{name: name.String(), kind: kind, curve: curve, verifier: verifier}
		}
	}
	add(secretKey, nil, jwa.HS256, jwa.HS384, jwa.HS512)
	add(rsaKey, nil, jwa.RS256, jwa.RS384, jwa.RS512, jwa.PS256, jwa.PS384, jwa.PS512)
	add(ellipticKey, elliptic.P256(), jwa.ES256)
	add(ellipticKey, elliptic.P384(), jwa.ES384)
	add(ellipticKey, elliptic.P521(), jwa.ES512)
	add(edwardsKey, nil, jwa.EdDSA)
	return table
}

func algorithmNamed(name string) (algorithm, bool) {
	alg, ok := algorithms[name]
	return alg, ok
}

func (a algorithm) symmetric() bool { return a.kind == secretKey }

// verify checks a signature with a secret ([]byte) or the material of a publicKey that fits. Comparison of HMACs takes constant
// time.
func (a algorithm) verify(signed, signature []byte, key any) bool {
	return a.verifier.Verify(signed, signature, key) == nil
}

// publicKey is one usable key of a JWKS.
type publicKey struct {
	kid      string // empty: none
	alg      string // the only algorithm it may be used with; empty: any of its kind
	kind     keyKind
	curve    elliptic.Curve // of an ellipticKey
	material any            // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// fits is the whole rule of which key may verify which algorithm.
func (k publicKey) fits(alg algorithm) bool {
	return k.kind == alg.kind && k.curve == alg.curve && (k.alg == "" || k.alg == alg.name)
}

// The reasons for which a key of a JWKS is left alone.
var (
	errKeySyntax  = errors.New("key is not a JWK that is understood")
	errKeyPurpose = errors.New("key is not meant for signatures")
	errKeyPrivate = errors.New("key is private or symmetric")
	errKeyWeak    = errors.New("key is malformed or of an unsafe size")
)

// Sizes of RSA keys in bits: RFC 7518, 3.3 wants 2048, and a bound above keeps one verification from costing milliseconds.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// parseKey reads one member of a JWKS. A private key that its owner has published is left alone like a symmetric one: anybody
// can sign with it.
func parseKey(raw []byte) (publicKey, error) {
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return publicKey{}, errKeySyntax
	}
	if use := parsed.KeyUsage(); use != "" && use != jwk.ForSignature.String() {
		return publicKey{}, errKeyPurpose
	}
	if ops := parsed.KeyOps(); len(ops) > 0 && !slices.Contains(ops, jwk.KeyOpVerify) {
		return publicKey{}, errKeyPurpose
	}
	key := publicKey{kid: parsed.KeyID()}
	if alg := parsed.Algorithm(); alg != nil {
		key.alg = alg.String()
	}
	var material any
	if err := parsed.Raw(&material); err != nil {
		return publicKey{}, errKeyWeak
	}
	return key.of(material)
}

// of completes the key, unless its numbers are such that verifying with them would be unsafe or panic: the library takes them
// as they come.
func (k publicKey) of(material any) (publicKey, error) {
	k.material = material
	switch material := material.(type) {
	case *rsa.PublicKey:
		k.kind = rsaKey
		if bits := material.N.BitLen(); bits < minRSABits || bits > maxRSABits || material.E < 3 || material.E%2 == 0 {
			return publicKey{}, errKeyWeak
		}
	case *ecdsa.PublicKey:
		k.kind, k.curve = ellipticKey, material.Curve
		if _, err := material.ECDH(); err != nil { // not a point of the curve
			return publicKey{}, errKeyWeak
		}
	case ed25519.PublicKey:
		k.kind = edwardsKey
		if len(material) != ed25519.PublicKeySize {
			return publicKey{}, errKeyWeak
		}
	default:
		return publicKey{}, errKeyPrivate
	}
	return k, nil
}

// signHS256 gives the compact form of a token with this payload.
func signHS256(payload, secret []byte) (string, error) {
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, "JWT"); err != nil {
		return "", err
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.HS256, secret, jws.WithProtectedHeaders(header)))
	if err != nil {
		return "", err
	}
	return string(token), nil
}
