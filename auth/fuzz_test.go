package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var fuzzSecret = []byte("the secret of the fuzz tests, 32 bytes")

func fuzzClock() time.Time { return time.Unix(1_737_633_600, 0) }

// FuzzVerify: whatever bytes come as a token, there is an *Error with a known code or a sound identity, and no identity without
// the secret.
func FuzzVerify(f *testing.F) {
	good, err := Sign(fuzzSecret, Claims{Account: "1", Subject: "7", Now: fuzzClock})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		good, "", ".", "..", "a.b.c", good + ".", strings.ToUpper(good), strings.Replace(good, ".", "..", 1),
		"eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.AA", "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.e30.AA",
		"eyJhbGciOiJFZERTQSJ9.e30.AA", "e30.e30.e30", "{\"payload\":\"\"}", "\xff.\x00.\n",
	} {
		f.Add(seed)
	}
	v, err := New(Config{Secrets: [][]byte{fuzzSecret}, JWKSURL: "https://keys.test", Now: fuzzClock})
	if err != nil {
		f.Fatal(err)
	}
	keys, _, err := parseJWKS([]byte(fuzzJWKS))
	if err != nil {
		f.Fatal(err)
	}
	v.keys.loaded.Store(&keySet{keys: keys})
	codes := map[string]bool{CodeTokenMissing: true, CodeTokenInvalid: true, CodeTokenExpired: true, CodeKeysUnavailable: true}
	f.Fuzz(func(t *testing.T, token string) {
		id, err := v.Verify(context.Background(), token)
		if err == nil {
			if token != good {
				t.Fatalf("accepted %q", token)
			}
			return
		}
		refusal, ok := errors.AsType[*Error](err)
		if !ok || !codes[refusal.Code()] || id != (Identity{}) {
			t.Fatalf("got %+v and %#v", id, err)
		}
		if len(token) > 8 && strings.Contains(err.Error(), token) {
			t.Fatalf("the error repeats the token: %v", err)
		}
	})
}

// FuzzClaims: a signed payload may say anything. What is accepted must mean the same to encoding/json, and the account must be
// in its one spelling.
func FuzzClaims(f *testing.F) {
	for _, seed := range []struct{ claim, payload string }{
		{"accountId", `{"accountId":1,"exp":1737637200}`},
		{"a.b", `{"a":{"b":"x"},"exp":1737637200.5,"nbf":1,"iat":2}`},
		{"a.b", `{"a.b":9007199254740993,"a":{"b":1},"exp":1e10}`},
		{"a..b", `{"a":{"":{"b":0}},"exp":1737637200}`},
		{"", `{"":"\ud800","exp":1737637200}`},
		{"x", `{"x":"\u0000","x":1,"exp":-0}`},
		{"x", `{"x":[{"x":1},[[]]],"aud":["a",{}],"iss":{},"exp":1737637200}`},
		{".", `{".":true,"exp":null}`},
	} {
		f.Add(seed.claim, []byte(seed.payload))
	}
	f.Fuzz(func(t *testing.T, claim string, payload []byte) {
		c, refusal := parseClaims(payload)
		if refusal != nil {
			return
		}
		checkSameMeaning(t, payload, c)
		_ = c.checkParties("issuer", "audience")
		_ = c.subject()
		end, refusal := c.checkTime(fuzzClock())
		if refusal == nil && (!end.After(fuzzClock()) || end.Nanosecond() != 0 || end.Year() > 9999) {
			t.Fatalf("a good token ends at %s", end)
		}
		account, refusal := c.account(claim)
		if refusal != nil {
			return
		}
		value, ok := c[claim]
		if !ok {
			value, _ = c.at(strings.Split(claim, "."))
		}
		switch value := value.(type) {
		case string:
			if value != account || account == "" || !utf8.ValidString(account) {
				t.Fatalf("account %q from %q", account, value)
			}
		case json.Number:
			var exact int64
			if err := json.Unmarshal([]byte(value), &exact); err != nil || exact < 0 || exact >= 1<<53 || value.String() != account {
				t.Fatalf("account %q from the number %s", account, value)
			}
		default:
			t.Fatalf("account %q from a %T", account, value)
		}
	})
}

// checkSameMeaning compares with the standard library, which understands every object without duplicate names alike.
func checkSameMeaning(t *testing.T, payload []byte, got claims) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var want map[string]any
	if err := d.Decode(&want); err != nil {
		t.Fatalf("accepted %q, which encoding/json does not: %v", payload, err)
	}
	if !reflect.DeepEqual(map[string]any(got), want) {
		t.Fatalf("%q was read as %v, and by encoding/json as %v", payload, got, want)
	}
}

// fuzzJWKS has public keys of three kinds: the example keys of RFC 7515, A.2 and A.3 and RFC 8037, A.2.
const fuzzJWKS = `{"keys":[
	{"kty":"RSA","kid":"r","e":"AQAB","n":"` +
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-" +
	"pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2Ca" +
	"pHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb5" +
	"4h4FRWyuXpoQ" + `"},
	{"kty":"EC","kid":"e","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
	{"kty":"OKP","kid":"o","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

// FuzzJWKS: whatever a JWKS URL answers, there is an error or a set of keys with which verifying does not panic.
func FuzzJWKS(f *testing.F) {
	for _, seed := range []string{
		fuzzJWKS, `{}`, `null`, `{"keys":[null,1,"x",[],{}]}`, `{"keys":[{"kty":"oct","k":"AA"}]}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`, `{"keys":[{"kty":"EC","crv":"P-521","x":"","y":""}]}`,
		`{"keys":[{"kty":"RSA","n":"AA","e":"AA","x5c":["x"],"key_ops":["verify",1],"alg":5,"use":"enc"}]}`,
		`{"keys":[{"kty":"RSA","n":"AQAB","e":"________________","d":"AA"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, ignored, err := parseJWKS(body)
		if (err == nil) != (len(keys) > 0) || len(keys)+ignored > maxKeys {
			t.Fatalf("got %d keys, %d ignored, error %v", len(keys), ignored, err)
		}
		set := &keySet{keys: keys}
		for _, alg := range algorithms {
			for _, size := range []int{1, 64, 96, 132, 256} {
				signature := bytes.Repeat([]byte{1}, size)
				if good, _ := set.judge(&compact{alg: alg, signed: []byte("x.y"), signature: signature}); good {
					t.Fatalf("%s verified garbage by %q", alg.name, body)
				}
			}
		}
	})
}
