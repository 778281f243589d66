package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// issuer is an identity provider: one RSA key, published as a JWKS.
type issuer struct {
	url     string
	private jwk.Key
	public  []byte // PEM
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err := jwk.FromRaw(key)
	if err != nil {
		t.Fatal(err)
	}
	_ = private.Set(jwk.KeyIDKey, "k1") // cannot fail for a string
	public, err := jwk.PublicKeyOf(private)
	if err != nil {
		t.Fatal(err)
	}
	set := jwk.NewSet()
	if err := set.AddKey(public); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	t.Cleanup(server.Close)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return issuer{url: server.URL, private: private, public: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
}

func sign(t *testing.T, algorithm jwa.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	token := jwt.New()
	for name, value := range claims {
		if err := token.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	options := jwt.SignOption(jwt.WithKey(algorithm, key))
	if algorithm == jwa.NoSignature {
		options = jwt.WithInsecureNoSignature()
	}
	signed, err := jwt.Sign(token, options)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func TestTokensAreRefusedWithAReasonThatOnlyTheLogSees(t *testing.T) {
	provider := newIssuer(t)
	p := serveReady(t, clinic(t), "--jwks-url", provider.url, "--jwt-issuer", "clinica", "--jwt-audience", "telas")
	hour := time.Now().Add(time.Hour).Unix()
	good := func(changes map[string]any) map[string]any {
		claims := map[string]any{"accountId": 1, "exp": hour, "iss": "clinica", "aud": "telas"}
		for name, value := range changes {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		return claims
	}
	secret := []byte(e2eSecret)
	tests := []struct{ name, token, code string }{
		{"expired", sign(t, jwa.HS256, secret, good(map[string]any{"exp": hour - 7200})), "token_expired"},
		{"not yet valid", sign(t, jwa.HS256, secret, good(map[string]any{"nbf": hour})), "token_invalid"},
		{"wrong key", sign(t, jwa.HS256, []byte("another-secret-another-secret-42"), good(nil)), "token_invalid"},
		{"alg none", sign(t, jwa.NoSignature, nil, good(nil)), "token_invalid"},
		{"HS256 with the public key as secret", sign(t, jwa.HS256, provider.public, good(nil)), "token_invalid"},
		{"wrong issuer", sign(t, jwa.HS256, secret, good(map[string]any{"iss": "outra"})), "token_invalid"},
		{"wrong audience", sign(t, jwa.HS256, secret, good(map[string]any{"aud": "outras"})), "token_invalid"},
		{"no account", sign(t, jwa.HS256, secret, good(map[string]any{"accountId": nil})), "token_invalid"},
		{"account as an object", sign(t, jwa.HS256, secret, good(map[string]any{"accountId": map[string]any{"id": 1}})), "token_invalid"},
		{"no exp", sign(t, jwa.HS256, secret, good(map[string]any{"exp": nil})), "token_invalid"},
		{"no token at all", "a-word.that-is-no.token", "token_invalid"},
	}
	for _, test := range tests {
		s := dial(t, p.addr, "", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + test.token}}})
		if code, status := s.ending(); code != test.code || status != 4401 {
			t.Errorf("%s: got %s and close code %d, want %s and 4401", test.name, code, status, test.code)
		}
	}
	for name, token := range map[string]string{
		"secret": sign(t, jwa.HS512, secret, good(nil)),
		"JWKS":   sign(t, jwa.RS256, provider.private, good(nil)),
	} {
		s := dial(t, p.addr, "", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
		if welcome := s.next(); welcome.AccountID != "1" {
			t.Errorf("a good token by %s got %+v, want a welcome", name, welcome)
		}
	}
	log := p.logs.text()
	for _, test := range tests {
		if strings.Contains(log, test.token) || strings.Contains(log, strings.Split(test.token, ".")[1]) {
			t.Errorf("%s: the token is in the log", test.name)
		}
	}
	for _, reason := range []string{"token has expired", "signature does not verify", "issuer", "audience", "account"} {
		if !strings.Contains(log, reason) {
			t.Errorf("the log does not say %q", reason)
		}
	}
}
