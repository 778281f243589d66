package auth_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"notifier/auth"
)

// serve is a JWKS over real HTTP.
func serve(t testing.TB, handler http.HandlerFunc) string {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func serveJWKS(t testing.TB, body string) string {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
}

// loaded is a verifier that has fetched these keys once, beside a shared secret.
func loaded(t testing.TB, body string) *auth.Verifier {
	t.Helper()
	v := newVerifier(t, auth.Config{Secrets: [][]byte{secret}, JWKSURL: serveJWKS(t, body), Now: atNoon})
	if err := v.Load(t.Context()); err != nil {
		t.Fatalf("Load: %v", err)
	}
	return v
}

// allKeys has one key of each kind and size.
func allKeys() string {
	return jwks(jwkOf("rsa", rsaOne()), jwkOf("p256", p256()), jwkOf("p384", p384()), jwkOf("p521", p521()), jwkOf("ed", ed()))
}

func TestPublicKeysVerifyTheirAlgorithmsAndNoOther(t *testing.T) {
	keys := map[string]any{"rsa": rsaOne(), "p256": p256(), "p384": p384(), "p521": p521(), "ed": ed()}
	allowed := map[string][]string{
		"rsa":  {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
		"p256": {"ES256"}, "p384": {"ES384"}, "p521": {"ES512"}, "ed": {"EdDSA"},
	}
	v := loaded(t, allKeys())
	for kid, key := range keys {
		for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
			t.Run(alg+" by "+kid, func(t *testing.T) {
				signWith := alg
				if alg == "EdDSA" {
					signWith = "ES512" // the hash that another kind of key would then use
				}
				want := auth.CodeTokenInvalid
				if slices.Contains(allowed[kid], alg) {
					want = ""
				}
				for _, header := range []obj{{"alg": alg, "kid": kid}, {"alg": alg}} {
					_, err := v.Verify(t.Context(), token(signWith, key, header, good()))
					wantCode(t, err, want)
				}
			})
		}
	}
}

func TestTheHeadersAlgorithmIsTheOneThatCounts(t *testing.T) {
	v := loaded(t, jwks(jwkOf("k", rsaOne())))
	for signed, claimed := range map[string]string{"RS256": "PS256", "PS256": "RS256", "RS384": "RS256"} {
		_, err := v.Verify(t.Context(), token(signed, rsaOne(), obj{"alg": claimed, "kid": "k"}, good()))
		wantCode(t, err, auth.CodeTokenInvalid)
	}
}

func TestAKeyOfOneKindNeverVerifiesTheOther(t *testing.T) {
	public := &rsaOne().PublicKey
	der := must(x509.MarshalPKIXPublicKey(public))
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	keyset := allKeys()
	v := loaded(t, keyset)
	only := newVerifier(t, auth.Config{JWKSURL: serveJWKS(t, keyset), Now: atNoon})
	if err := only.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	spellings := map[string][]byte{
		"PEM": asPEM, "PEM trimmed": []byte(strings.TrimSpace(string(asPEM))), "DER": der,
		"PKCS #1": x509.MarshalPKCS1PublicKey(public), "modulus": public.N.Bytes(),
		"JWK": must(json.Marshal(jwkOf("rsa", rsaOne()))), "JWKS": []byte(keyset),
		"ed25519 point": must(base64.RawURLEncoding.DecodeString(jwkOf("", ed())["x"].(string))), "empty": {},
	}
	for name, key := range spellings {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			for _, kid := range []string{"rsa", "ed"} {
				forged := token(alg, key, obj{"alg": alg, "kid": kid}, good())
				for _, verifier := range []*auth.Verifier{v, only} {
					if _, err := verifier.Verify(t.Context(), forged); err == nil {
						t.Errorf("%s with the public key as %s was accepted", alg, name)
					}
				}
			}
		}
	}
	_, err := v.Verify(t.Context(), token("HS256", secret, obj{"alg": "RS256", "kid": "rsa"}, good()))
	wantCode(t, err, auth.CodeTokenInvalid)
}

func TestAPublicKeyIsNoSecret(t *testing.T) {
	der := must(x509.MarshalPKIXPublicKey(&rsaOne().PublicKey))
	_, err := auth.New(auth.Config{Secrets: [][]byte{pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}})
	if err == nil {
		t.Error("a public key in PEM was accepted as a shared secret")
	}
}

func TestATokenCannotBringItsOwnKey(t *testing.T) {
	fetched := false
	trap := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fetched = true
		_, _ = w.Write([]byte(jwks(jwkOf("k", rsaTwo()))))
	})
	v := loaded(t, jwks(jwkOf("k", rsaOne())))
	for name, member := range map[string]any{
		"jwk": jwkOf("k", rsaTwo()), "jku": trap, "x5u": trap, "x5c": []string{"AAAA"}, "x5t": "AAAA",
	} {
		header := obj{"alg": "RS256", "kid": "k", name: member}
		_, err := v.Verify(t.Context(), token("RS256", rsaTwo(), header, good()))
		wantCode(t, err, auth.CodeTokenInvalid)
		_, err = v.Verify(t.Context(), token("RS256", rsaOne(), header, good())) // ignored, not refused
		wantCode(t, err, "")
	}
	if fetched {
		t.Error("an address in a token was fetched")
	}
}

func TestUnsuitableMembersOfAJWKSAreLeftAlone(t *testing.T) {
	bad := map[string]struct {
		member obj
		key    any
	}{
		"symmetric":           {jwkOf("x", secret), secret},
		"for encryption":      {jwkOf("x", rsaTwo(), obj{"use": "enc"}), rsaTwo()},
		"for something else":  {jwkOf("x", rsaTwo(), obj{"use": "tls"}), rsaTwo()},
		"not to verify with":  {jwkOf("x", rsaTwo(), obj{"key_ops": []string{"encrypt", "wrapKey"}}), rsaTwo()},
		"of another alg":      {jwkOf("x", rsaTwo(), obj{"alg": "RS512"}), rsaTwo()},
		"of an unsuiting alg": {jwkOf("x", rsaTwo(), obj{"alg": "ES256"}), rsaTwo()},
		"of encryption's alg": {jwkOf("x", rsaTwo(), obj{"alg": "RSA-OAEP"}), rsaTwo()},
		"of HMAC's alg":       {jwkOf("x", rsaTwo(), obj{"alg": "HS256"}), rsaTwo()},
		"of an unknown alg":   {jwkOf("x", rsaTwo(), obj{"alg": "XX256"}), rsaTwo()},
		"private":             {jwkOf("x", rsaTwo(), obj{"d": b64(rsaTwo().D.Bytes())}), rsaTwo()},
		"too small":           {jwkOf("x", rsaWeak()), rsaWeak()},
		"exponent 1":          {jwkOf("x", rsaTwo(), obj{"e": "AQ"}), rsaTwo()},
		"off the curve":       {jwkOf("x", p256(), obj{"x": b64(make([]byte, 32))}), p256()},
		"of another curve":    {jwkOf("x", p256(), obj{"crv": "P-384"}), p256()},
		"cut short":           {jwkOf("x", ed(), obj{"x": "AAAA"}), ed()},
		"X25519":              {jwkOf("x", ed(), obj{"crv": "X25519"}), ed()},
		"of an unknown type":  {obj{"kty": "AKP", "kid": "x", "alg": "ML-DSA-44"}, rsaTwo()},
		"without a type":      {obj{"kid": "x"}, rsaTwo()},
		"with a bad modulus":  {jwkOf("x", rsaTwo(), obj{"n": 5}), rsaTwo()},
	}
	algs := map[string]string{"*rsa.PrivateKey": "RS256", "*ecdsa.PrivateKey": "ES256", "ed25519.PrivateKey": "EdDSA", "[]uint8": "HS256"}
	for name, c := range bad {
		t.Run(name, func(t *testing.T) {
			alg := algs[fmt.Sprintf("%T", c.key)]
			signWith := strings.Replace(alg, "EdDSA", "ES512", 1)
			// The good key has no kid, so that it is looked at for every token, and the bad one does not spoil it.
			v := newVerifier(t, auth.Config{JWKSURL: serveJWKS(t, jwks(c.member, jwkOf("", rsaOne()))), Now: atNoon})
			if err := v.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err := v.Verify(t.Context(), token(signWith, c.key, obj{"alg": alg, "kid": "x"}, good()))
			wantCode(t, err, auth.CodeTokenInvalid)
			_, err = v.Verify(t.Context(), token(signWith, c.key, obj{"alg": alg}, good()))
			wantCode(t, err, auth.CodeTokenInvalid)
			_, err = v.Verify(t.Context(), token("RS256", rsaOne(), obj{"alg": "RS256"}, good()))
			wantCode(t, err, "")
		})
	}
}

func TestSuitableMembersOfAJWKSAreUsed(t *testing.T) {
	for name, more := range map[string]obj{
		"bare":             {},
		"for signatures":   {"use": "sig"},
		"to verify with":   {"key_ops": []string{"verify"}},
		"of the token alg": {"alg": "RS256"},
		"with the unknown": {"exp": 1, "x-label": obj{"a": 1}, "nbf": "soon"},
	} {
		v := loaded(t, jwks(jwkOf("k", rsaOne(), more)))
		_, err := v.Verify(t.Context(), token("RS256", rsaOne(), obj{"alg": "RS256", "kid": "k"}, good()))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATokenWithoutAKidIsTriedAgainstAllKeysOfItsKind(t *testing.T) {
	v := loaded(t, jwks(jwkOf("a", rsaTwo()), jwkOf("b", p256()), jwkOf("c", rsaOne())))
	_, err := v.Verify(t.Context(), token("RS256", rsaOne(), obj{"alg": "RS256"}, good()))
	wantCode(t, err, "")

	many := slices.Repeat([]obj{jwkOf("", rsaTwo())}, 16)
	v = loaded(t, jwks(append(many, jwkOf("", rsaOne()))...))
	_, err = v.Verify(t.Context(), token("RS256", rsaOne(), obj{"alg": "RS256"}, good()))
	wantCode(t, err, auth.CodeTokenInvalid) // the seventeenth is not tried: work per token is bounded
}

func TestTwoKeysMayShareAKid(t *testing.T) {
	v := loaded(t, jwks(jwkOf("k", rsaTwo()), jwkOf("k", p256()), jwkOf("k", rsaOne())))
	_, err := v.Verify(t.Context(), token("RS256", rsaOne(), obj{"alg": "RS256", "kid": "k"}, good()))
	wantCode(t, err, "")
	_, err = v.Verify(t.Context(), token("ES256", p256(), obj{"alg": "ES256", "kid": "k"}, good()))
	wantCode(t, err, "")
}

func TestAnswersThatAreNoKeySetAreRefused(t *testing.T) {
	write := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	set := jwks(jwkOf("k", rsaOne()))
	cases := map[string]http.HandlerFunc{
		"status 500":     write(500, set),
		"status 203":     write(203, set),
		"a page":         write(200, "<html>maintenance</html>"),
		"nothing":        write(200, ""),
		"null":           write(200, "null"),
		"an array":       write(200, "["+set+"]"),
		"keys an object": write(200, `{"keys":{}}`),
		"no key":         write(200, jwks()),
		"no usable key":  write(200, jwks(jwkOf("k", secret))),
		"too long":       write(200, `{"pad":"`+strings.Repeat("x", 512<<10)+`","keys":[`+set[9:]),
		"too many keys":  write(200, jwks(slices.Repeat([]obj{jwkOf("k", rsaOne())}, 101)...)),
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9999")
			_, _ = w.Write([]byte(set))
		},
		"a redirect to itself": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) },
	}
	for name, handler := range cases {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, auth.Config{JWKSURL: serve(t, handler), Now: atNoon})
			if err := v.Load(t.Context()); err == nil {
				t.Error("it was taken for a key set")
			}
			wantCode(t, v.Ready(), auth.CodeKeysUnavailable)
			_, err := v.Verify(t.Context(), token("RS256", rsaOne(), obj{"alg": "RS256", "kid": "k"}, good()))
			wantCode(t, err, auth.CodeKeysUnavailable)
		})
	}
}

func TestAFewRedirectsAreFollowed(t *testing.T) {
	hops := 0
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if hops++; hops <= 3 {
			http.Redirect(w, r, fmt.Sprintf("/%d", hops), http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(jwks(jwkOf("k", rsaOne()))))
	})
	v := newVerifier(t, auth.Config{JWKSURL: url})
	if err := v.Load(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestARedirectDoesNotLeaveTLS(t *testing.T) {
	plain := serveJWKS(t, jwks(jwkOf("k", rsaOne())))
	secure := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	t.Cleanup(secure.Close)
	v := newVerifier(t, auth.Config{JWKSURL: secure.URL, HTTPClient: secure.Client()})
	err := v.Load(t.Context())
	if err == nil || !strings.Contains(err.Error(), "redirect from https to http") {
		t.Errorf("got %v", err)
	}
	secure.Client().CloseIdleConnections()
}

func TestErrorsOfAFetchDoNotRepeatTheURL(t *testing.T) {
	refused := httptest.NewServer(http.NotFoundHandler())
	refused.Close()
	for _, base := range []string{refused.URL, serve(t, http.NotFound), serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.String(), http.StatusFound)
	})} {
		url := strings.Replace(base, "http://", "http://user:hunter2@", 1) + "/keys?api_key=hunter2"
		v := newVerifier(t, auth.Config{JWKSURL: url})
		err := v.Load(t.Context())
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "api_key") {
			t.Errorf("got %v", err)
		}
	}
}

func TestConfigurationReportsAllFaultsAndNoValues(t *testing.T) {
	cases := map[string]struct {
		cfg    auth.Config
		faults int
	}{
		"nothing":         {auth.Config{Issuer: "x"}, 1},
		"an empty secret": {auth.Config{Secrets: [][]byte{secret, {}}}, 1},
		"not a URL":       {auth.Config{JWKSURL: "http://hunter2:%zz"}, 1},
		"a relative URL":  {auth.Config{JWKSURL: "/hunter2"}, 1},
		"another scheme":  {auth.Config{JWKSURL: "file:///hunter2"}, 1},
		"no host":         {auth.Config{JWKSURL: "https:hunter2"}, 1},
		"too many":        {auth.Config{Secrets: slices.Repeat([][]byte{secret}, 17)}, 1},
		"three faults":    {auth.Config{Secrets: [][]byte{{}, []byte("-----BEGIN hunter2")}, JWKSURL: "ftp://hunter2"}, 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := auth.New(c.cfg)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if lines := strings.Count(err.Error(), "\n") + 1; lines != c.faults || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %q, want %d faults without values", err, c.faults)
			}
		})
	}
}

func TestWithoutAJWKSThereIsNothingToWaitFor(t *testing.T) {
	v := secretOnly(t)
	if err := v.Ready(); err != nil {
		t.Error(err)
	}
	if _, ok := v.KeysAge(); ok {
		t.Error("keys that do not exist have an age")
	}
	if err := v.Load(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Run(ctx); err != nil {
		t.Error(err)
	}
}
