package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"notifier/auth"
)

// claimsOf gives header and payload of a token as text.
func claimsOf(t testing.TB, token string) (header, payload string) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	return string(must(base64.RawURLEncoding.DecodeString(parts[0]))), string(must(base64.RawURLEncoding.DecodeString(parts[1])))
}

func TestASignedTokenIsAcceptedByItsVerifier(t *testing.T) {
	cases := []struct {
		name   string
		claims auth.Claims
		want   string // the payload
	}{
		{"number", auth.Claims{Account: "1"}, `{"accountId":1,"exp":1737637200,"iat":1737633600}`},
		{"greatest number", auth.Claims{Account: "9007199254740991"}, `{"accountId":9007199254740991,"exp":1737637200,"iat":1737633600}`},
		{"number too great", auth.Claims{Account: "9007199254740992"}, `{"accountId":"9007199254740992","exp":1737637200,"iat":1737633600}`},
		{"leading zero", auth.Claims{Account: "01"}, `{"accountId":"01","exp":1737637200,"iat":1737633600}`},
		{"negative", auth.Claims{Account: "-1"}, `{"accountId":"-1","exp":1737637200,"iat":1737633600}`},
		{"text", auth.Claims{Account: "clínica"}, `{"accountId":"clínica","exp":1737637200,"iat":1737633600}`},
		{"all claims", auth.Claims{Account: "1", Subject: "7", TTL: time.Minute, Issuer: "i", Audience: "a"},
			`{"accountId":1,"aud":"a","exp":1737633660,"iat":1737633600,"iss":"i","sub":"7"}`},
		{"path", auth.Claims{Account: "1", AccountClaim: "user.account.id"},
			`{"exp":1737637200,"iat":1737633600,"user":{"account":{"id":1}}}`},
		{"URL as a name", auth.Claims{Account: "1", AccountClaim: "https://clinic.example/account"},
			`{"exp":1737637200,"https://clinic.example/account":1,"iat":1737633600}`},
		{"account as the subject", auth.Claims{Account: "1", AccountClaim: "sub"}, `{"exp":1737637200,"iat":1737633600,"sub":1}`},
		{"part of a second", auth.Claims{Account: "1", TTL: time.Millisecond}, `{"accountId":1,"exp":1737633601,"iat":1737633600}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.claims.Now = atNoon
			token, err := auth.Sign(secret, c.claims)
			if err != nil {
				t.Fatal(err)
			}
			header, payload := claimsOf(t, token)
			if header != `{"alg":"HS256","typ":"JWT"}` || payload != c.want {
				t.Errorf("got %s %s, want %s", header, payload, c.want)
			}
			v := newVerifier(t, auth.Config{Secrets: [][]byte{secret}, Issuer: c.claims.Issuer, Audience: c.claims.Audience,
				AccountClaim: c.claims.AccountClaim, Now: atNoon})
			id, err := v.Verify(t.Context(), token)
			wantCode(t, err, "")
			if id.Account != c.claims.Account {
				t.Errorf("got account %q, want %q", id.Account, c.claims.Account)
			}
		})
	}
}

func TestANegativeTTLMakesAnExpiredToken(t *testing.T) {
	token := must(auth.Sign(secret, auth.Claims{Account: "1", TTL: -time.Second, Now: atNoon}))
	_, err := secretOnly(t).Verify(t.Context(), token)
	wantCode(t, err, auth.CodeTokenExpired)
}

func TestSignRefusesWhatNoVerifierWouldAccept(t *testing.T) {
	cases := map[string]struct {
		secret []byte
		claims auth.Claims
	}{
		"no secret":              {nil, auth.Claims{Account: "1"}},
		"a public key":           {[]byte("-----BEGIN PUBLIC KEY-----"), auth.Claims{Account: "1"}},
		"no account":             {secret, auth.Claims{}},
		"NUL in the account":     {secret, auth.Claims{Account: "a\x00"}},
		"broken UTF-8":           {secret, auth.Claims{Account: "a\xff"}},
		"account in exp":         {secret, auth.Claims{Account: "1", AccountClaim: "exp"}},
		"account below iss":      {secret, auth.Claims{Account: "1", AccountClaim: "iss.account"}},
		"subject twice":          {secret, auth.Claims{Account: "1", Subject: "7", AccountClaim: "sub"}},
		"longer than a token is": {secret, auth.Claims{Account: strings.Repeat("x", 8000)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			token, err := auth.Sign(c.secret, c.claims)
			if err == nil || token != "" {
				t.Errorf("got %q, %v", token, err)
			}
		})
	}
}

func TestSignUsesTheRealClockByDefault(t *testing.T) {
	v := newVerifier(t, auth.Config{Secrets: [][]byte{secret}})
	id, err := v.Verify(t.Context(), must(auth.Sign(secret, auth.Claims{Account: "1"})))
	wantCode(t, err, "")
	if left := time.Until(id.ExpiresAt); left < 59*time.Minute || left > time.Hour+time.Second {
		t.Errorf("it ends in %s, want an hour", left)
	}
}

func TestTheExampleOfTheContractIsSigned(t *testing.T) { // notifier token --account 1 --subject 7 --ttl 1h
	_, payload := claimsOf(t, must(auth.Sign(secret, auth.Claims{Account: "1", Subject: "7", TTL: time.Hour, Now: atNoon})))
	var got struct {
		AccountID json.Number `json:"accountId"`
		Sub       string      `json:"sub"`
		Iat, Exp  int64
	}
	if err := json.Unmarshal([]byte(payload), &got); err != nil {
		t.Fatal(err)
	}
	if got.AccountID != "1" || got.Sub != "7" || got.Exp-got.Iat != 3600 {
		t.Errorf("got %s", payload)
	}
}
