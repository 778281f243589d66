package auth

import (
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

// rfcKeys are the members of fuzzJWKS by kid.
func rfcKeys(t *testing.T) map[string]map[string]any {
	t.Helper()
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(fuzzJWKS), &set); err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]map[string]any)
	for _, key := range set.Keys {
		keys[key["kid"].(string)] = key
	}
	return keys
}

// The library refuses some of these when it comes to verifying, and panics at others; here none gets as far.
func TestAKeyIsJudgedBeforeItIsUsed(t *testing.T) {
	cases := []struct {
		name, kid string
		member    string
		value     any
		want      error
	}{
		{"RSA", "r", "", nil, nil},
		{"elliptic", "e", "", nil, nil},
		{"Edwards", "o", "", nil, nil},
		{"no modulus", "r", "n", "", errKeyWeak},
		{"small modulus", "r", "n", "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAk", errKeyWeak},
		{"exponent 1", "r", "e", "AQ", errKeyWeak},
		{"exponent 2", "r", "e", "Ag", errKeyWeak},
		{"even exponent", "r", "e", "BA", errKeyWeak},
		{"exponent beyond an int", "r", "e", "__________________8", errKeyWeak},
		{"point off the curve", "e", "x", "AAAA", errKeyWeak},
		{"point at zero", "e", "y", "", errKeyWeak},
		{"another curve", "e", "crv", "P-521", errKeyWeak},
		{"unknown curve", "e", "crv", "P-257", errKeyWeak},
		{"short point", "o", "x", "AAAA", errKeyWeak},
		{"Montgomery curve", "o", "crv", "X25519", errKeyPrivate},
		{"use enc", "r", "use", "enc", errKeyPurpose},
		{"operations", "e", "key_ops", []string{"deriveKey"}, errKeyPurpose},
		{"unknown type", "o", "kty", "AKP", errKeySyntax},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			member := rfcKeys(t)[c.kid]
			if c.member != "" {
				member[c.member] = c.value
			}
			raw, err := json.Marshal(member)
			if err != nil {
				t.Fatal(err)
			}
			key, err := parseKey(raw)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if (err == nil) != (key.kid == c.kid) {
				t.Errorf("got kid %q beside %v", key.kid, err)
			}
		})
	}
}

func TestAPrivateKeyInAJWKSIsNotUsed(t *testing.T) { // RFC 8037, A.1
	raw := `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
		"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	if _, err := parseKey([]byte(raw)); !errors.Is(err, errKeyPrivate) {
		t.Errorf("got %v", err)
	}
}

func TestAKeyFitsItsOwnKindAndCurveOnly(t *testing.T) {
	cases := []struct {
		key  publicKey
		algs []string
	}{
		{publicKey{kind: secretKey}, []string{"HS256", "HS384", "HS512"}},
		{publicKey{kind: rsaKey}, []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}},
		{publicKey{kind: ellipticKey, curve: elliptic.P256()}, []string{"ES256"}},
		{publicKey{kind: ellipticKey, curve: elliptic.P384()}, []string{"ES384"}},
		{publicKey{kind: ellipticKey, curve: elliptic.P521()}, []string{"ES512"}},
		{publicKey{kind: edwardsKey}, []string{"EdDSA"}},
	}
	met := 0
	for _, c := range cases {
		met += len(c.algs)
		for name, alg := range algorithms {
			want := slices.Contains(c.algs, name)
			if got := c.key.fits(alg); got != want {
				t.Errorf("a key for %v and %s: got %t, want %t", c.algs, name, got, want)
			}
			declared := c.key
			if declared.alg = name; declared.fits(alg) != want {
				t.Errorf("a key for %v that declares %s: want %t", c.algs, name, want)
			}
			if declared.alg = "another"; declared.fits(alg) {
				t.Errorf("a key for %v that declares another algorithm fits %s", c.algs, name)
			}
		}
	}
	if met != len(algorithms) {
		t.Errorf("%d algorithms are supported, %d are tested", len(algorithms), met)
	}
}
