package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"notifier/auth"
)

func secretOnly(t testing.TB) *auth.Verifier {
	return newVerifier(t, auth.Config{Secrets: [][]byte{secret}, Now: atNoon})
}

func TestAGoodTokenGivesItsIdentity(t *testing.T) {
	id, err := secretOnly(t).Verify(t.Context(), hs(good()))
	wantCode(t, err, "")
	want := auth.Identity{Account: "1", Subject: "7", ExpiresAt: noon.Add(time.Hour)}
	if id != want {
		t.Errorf("got %+v, want %+v", id, want)
	}
	if got := id.ExpiresAt.Format(time.RFC3339); got != "2025-01-23T13:00:00Z" {
		t.Errorf("ExpiresAt is %s, want it in UTC", got)
	}
}

func TestARefusedTokenGivesNoIdentity(t *testing.T) {
	id, err := secretOnly(t).Verify(t.Context(), hs(good(obj{"exp": noon.Unix()})))
	wantCode(t, err, auth.CodeTokenExpired)
	if id != (auth.Identity{}) {
		t.Errorf("got %+v beside an error", id)
	}
}

func TestSharedSecretsVerifyTheirThreeAlgorithms(t *testing.T) {
	v := secretOnly(t)
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		_, err := v.Verify(t.Context(), token(alg, secret, obj{"alg": alg}, good()))
		wantCode(t, err, "")
		_, err = v.Verify(t.Context(), token(alg, []byte("another secret"), obj{"alg": alg}, good()))
		wantCode(t, err, auth.CodeTokenInvalid)
	}
	_, err := v.Verify(t.Context(), token("HS512", secret, obj{"alg": "HS256"}, good()))
	wantCode(t, err, auth.CodeTokenInvalid)
}

func TestSeveralSecretsAreValidSideBySide(t *testing.T) {
	older, newer := []byte("older secret of thirty-two bytes"), []byte("newer secret of thirty-two bytes")
	v := newVerifier(t, auth.Config{Secrets: [][]byte{newer, older}, Now: atNoon})
	verify := func(key []byte) error {
		_, err := v.Verify(t.Context(), token("HS256", key, obj{"alg": "HS256", "kid": "is ignored"}, good()))
		return err
	}
	wantCode(t, verify(older), "")
	wantCode(t, verify(newer), "")
	if err := v.SetSecrets([][]byte{newer}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, verify(older), auth.CodeTokenInvalid)
	wantCode(t, verify(newer), "")
	if err := v.SetSecrets(nil); err == nil {
		t.Error("the last secret could be removed")
	}
	wantCode(t, verify(newer), "")
}

func TestSecretsAreCopied(t *testing.T) {
	mine := []byte("a secret that its owner overwrites")
	v := newVerifier(t, auth.Config{Secrets: [][]byte{mine}, Now: atNoon})
	signed := token("HS256", mine, obj{"alg": "HS256"}, good())
	clear(mine)
	_, err := v.Verify(t.Context(), signed)
	wantCode(t, err, "")
}

func TestMalformedTokensAreRefused(t *testing.T) {
	signed := hs(good())
	v := secretOnly(t)
	for name, bad := range malformed(signed) {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), bad)
			wantCode(t, err, auth.CodeTokenInvalid)
		})
	}
	_, err := v.Verify(t.Context(), "")
	wantCode(t, err, auth.CodeTokenMissing)
	_, err = v.Verify(t.Context(), signed) // what they are made from is good
	wantCode(t, err, "")
}

// malformed spoils a good token in many ways, and adds some that are correctly signed and say nothing clear.
func malformed(signed string) map[string]string {
	header, rest, _ := strings.Cut(signed, ".")
	payload, sig, _ := strings.Cut(rest, ".")
	mac := func(header, payload any) string { return token("HS256", secret, header, payload) }
	return map[string]string{
		"one part":                   "abc",
		"two parts":                  header + "." + payload,
		"four parts":                 signed + ".x",
		"five parts of a JWE":        "a.b.c.d.e",
		"dots only":                  "..",
		"blank":                      " ",
		"with Bearer":                "Bearer " + signed,
		"leading space":              " " + signed,
		"trailing newline":           signed + "\n",
		"newline inside":             header + "." + payload[:4] + "\n" + payload[4:] + "." + sig,
		"padding":                    header + "." + payload + "." + sig + "=",
		"standard alphabet":          header + "." + payload + "." + strings.Repeat("+/", 21) + "A",
		"not base64":                 header + ".!!!." + sig,
		"no signature":               header + "." + payload + ".",
		"no payload":                 header + ".." + sig,
		"signature cut":              signed[:len(signed)-2],
		"first character changed":    flip(signed, len(header)+1),
		"last bit of the signature":  lastBits(signed),
		"JSON serialisation":         fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, header, payload, sig),
		"too long":                   mac(obj{"alg": "HS256"}, good(obj{"padding": strings.Repeat("x", 8192)})),
		"header not JSON":            mac("{", good()),
		"header an array":            mac(`["HS256"]`, good()),
		"header null":                mac("null", good()),
		"header with alg twice":      mac(`{"alg":"HS256","alg":"none"}`, good()),
		"header followed by another": mac(`{"alg":"HS256"}{}`, good()),
		"payload not JSON":           mac(obj{"alg": "HS256"}, "exp"),
		"payload an array":           mac(obj{"alg": "HS256"}, "[]"),
		"payload null":               mac(obj{"alg": "HS256"}, "null"),
		"payload a nested token":     mac(obj{"alg": "HS256", "cty": "JWT"}, signed),
		"account of broken UTF-8":    hs(`{"exp":4102444800,"accountId":"` + "\xff" + `"}`),
		"claim of broken UTF-8":      hs(`{"exp":4102444800,"accountId":1,"name":"` + "\xff" + `"}`),
		"claim twice":                hs(`{"exp":4102444800,"accountId":1,"accountId":2}`),
		"claim twice by escapes":     hs(`{"exp":4102444800,"accountId":1,"account\u0049d":2}`),
		"nested claim twice":         hs(`{"exp":4102444800,"accountId":1,"x":[{"y":1,"y":2}]}`),
		"too deep": hs(`{"exp":4102444800,"accountId":1,"x":` + strings.Repeat("[", 40) +
			strings.Repeat("]", 40) + `}`),
	}
}

func TestATokenOfTheGreatestLengthIsStillRead(t *testing.T) {
	build := func(n int) string { return hs(good(obj{"padding": strings.Repeat("x", n)})) }
	n := (8192 - len(build(0))) * 3 / 4
	for len(build(n)) <= 8192 {
		n++
	}
	v := secretOnly(t)
	_, err := v.Verify(t.Context(), build(n-1))
	wantCode(t, err, "")
	_, err = v.Verify(t.Context(), build(n))
	wantCode(t, err, auth.CodeTokenInvalid)
}

// flip changes one character to another of the alphabet.
func flip(token string, at int) string {
	other := "A"
	if token[at] == 'A' {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}

// lastBits sets bits that lie behind the last byte of the signature, which a lenient decoder does not see.
func lastBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	changed := token[:last] + string(alphabet[strings.IndexByte(alphabet, token[last])|1])
	sig := func(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
	lenient := base64.RawURLEncoding
	if changed == token || string(must(lenient.DecodeString(sig(changed)))) != string(must(lenient.DecodeString(sig(token)))) {
		panic("the changed token must decode to the same bytes and be another")
	}
	return changed
}

func TestAlgorithmsAreNotTakenFromTheToken(t *testing.T) {
	unsigned := func(alg any) string { return part(obj{"alg": alg}) + "." + part(good()) + "." }
	cases := map[string]string{
		"none without a signature":  unsigned("none"),
		"None without a signature":  unsigned("None"),
		"none with a signature":     token("HS256", secret, obj{"alg": "none"}, good()),
		"no alg":                    token("HS256", secret, obj{"typ": "JWT"}, good()),
		"empty alg":                 token("HS256", secret, obj{"alg": ""}, good()),
		"alg not a string":          token("HS256", secret, obj{"alg": []string{"HS256"}}, good()),
		"alg null":                  token("HS256", secret, obj{"alg": nil}, good()),
		"alg in lower case":         token("HS256", secret, obj{"alg": "hs256"}, good()),
		"Alg instead of alg":        token("HS256", secret, obj{"Alg": "HS256"}, good()),
		"an unknown algorithm":      token("HS256", secret, obj{"alg": "HS1"}, good()),
		"ES256K":                    token("HS256", secret, obj{"alg": "ES256K"}, good()),
		"a key encryption":          token("HS256", secret, obj{"alg": "RSA-OAEP"}, good()),
		"RS256 with secrets only":   token("RS256", rsaOne(), obj{"alg": "RS256"}, good()),
		"HS256 that says RS256":     token("HS256", secret, obj{"alg": "RS256"}, good()),
		"crit":                      token("HS256", secret, obj{"alg": "HS256", "crit": []string{"exp"}, "exp": 1}, good()),
		"crit with unencoded (b64)": token("HS256", secret, obj{"alg": "HS256", "b64": false, "crit": []string{"b64"}}, good()),
		"empty crit":                token("HS256", secret, obj{"alg": "HS256", "crit": nil}, good()),
		"kid not a string":          token("HS256", secret, obj{"alg": "HS256", "kid": 1}, good()),
		"kid very long":             token("HS256", secret, obj{"alg": "HS256", "kid": strings.Repeat("k", 257)}, good()),
	}
	v := secretOnly(t)
	for name, bad := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), bad)
			wantCode(t, err, auth.CodeTokenInvalid)
		})
	}
}

func TestTimeIsCheckedToTheSecond(t *testing.T) {
	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	cases := []struct {
		name    string
		changes obj
		want    string
	}{
		{"one second left", obj{"exp": at(time.Second)}, ""},
		{"ends now", obj{"exp": at(0)}, auth.CodeTokenExpired},
		{"ended a second ago", obj{"exp": at(-time.Second)}, auth.CodeTokenExpired},
		{"exp 0", obj{"exp": 0}, auth.CodeTokenExpired},
		{"exp missing", obj{"exp": nil}, auth.CodeTokenInvalid},
		{"exp null", obj{"exp": json.RawMessage("null")}, auth.CodeTokenInvalid},
		{"exp a string", obj{"exp": "4102444800"}, auth.CodeTokenInvalid},
		{"exp negative", obj{"exp": -1}, auth.CodeTokenInvalid},
		{"exp in milliseconds", obj{"exp": noon.Add(time.Hour).UnixMilli() * 100}, auth.CodeTokenInvalid},
		{"exp out of any range", obj{"exp": json.RawMessage("1e999")}, auth.CodeTokenInvalid},
		{"exp in the year 9999", obj{"exp": int64(253402300799)}, ""},
		{"exp in the year 10000", obj{"exp": int64(253402300800)}, auth.CodeTokenInvalid},
		{"exp with exponent", obj{"exp": json.RawMessage("4.1e9")}, ""},
		{"nbf in 60 s", obj{"nbf": at(60 * time.Second)}, ""},
		{"nbf in 61 s", obj{"nbf": at(61 * time.Second)}, auth.CodeTokenInvalid},
		{"nbf a string", obj{"nbf": "0"}, auth.CodeTokenInvalid},
		{"iat in 60 s", obj{"iat": at(60 * time.Second)}, ""},
		{"iat in 61 s", obj{"iat": at(61 * time.Second)}, auth.CodeTokenInvalid},
		{"iat null", obj{"iat": json.RawMessage("null")}, auth.CodeTokenInvalid},
		{"iat missing", obj{"iat": nil}, ""},
	}
	v := secretOnly(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), hs(good(c.changes)))
			wantCode(t, err, c.want)
		})
	}
}

func TestAFractionOfExpIsCutOff(t *testing.T) {
	end := noon.Add(time.Hour)
	id, err := secretOnly(t).Verify(t.Context(), hs(good(obj{"exp": json.RawMessage(fmt.Sprintf("%d.9", end.Unix()))})))
	wantCode(t, err, "")
	if !id.ExpiresAt.Equal(end) {
		t.Errorf("ends at %s, want %s", id.ExpiresAt, end)
	}
}

func TestIssuerAndAudienceAreCheckedWhereConfigured(t *testing.T) {
	cases := []struct {
		name    string
		changes obj
		want    string
	}{
		{"both right", obj{"iss": "clinic", "aud": "screens"}, ""},
		{"one audience of several", obj{"iss": "clinic", "aud": []any{1, "api", "screens"}}, ""},
		{"wrong issuer", obj{"iss": "Clinic", "aud": "screens"}, auth.CodeTokenInvalid},
		{"no issuer", obj{"aud": "screens"}, auth.CodeTokenInvalid},
		{"issuer a list", obj{"iss": []string{"clinic"}, "aud": "screens"}, auth.CodeTokenInvalid},
		{"issuer an object", obj{"iss": obj{"clinic": 1}, "aud": "screens"}, auth.CodeTokenInvalid},
		{"wrong audience", obj{"iss": "clinic", "aud": "screen"}, auth.CodeTokenInvalid},
		{"no audience", obj{"iss": "clinic"}, auth.CodeTokenInvalid},
		{"empty audiences", obj{"iss": "clinic", "aud": []string{}}, auth.CodeTokenInvalid},
		{"audience nested deeper", obj{"iss": "clinic", "aud": []any{[]string{"screens"}, obj{"a": "screens"}}}, auth.CodeTokenInvalid},
	}
	strict := newVerifier(t, auth.Config{Secrets: [][]byte{secret}, Issuer: "clinic", Audience: "screens", Now: atNoon})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := strict.Verify(t.Context(), hs(good(c.changes)))
			wantCode(t, err, c.want)
			_, err = secretOnly(t).Verify(t.Context(), hs(good(c.changes)))
			wantCode(t, err, "")
		})
	}
}

func TestExpiredMeansThatAllElseWasRight(t *testing.T) {
	v := newVerifier(t, auth.Config{Secrets: [][]byte{secret}, Issuer: "clinic", Now: atNoon})
	past := obj{"exp": noon.Unix() - 1, "iss": "clinic"}
	cases := []struct {
		name  string
		token string
		want  string
	}{
		{"all else right", hs(good(past)), auth.CodeTokenExpired},
		{"wrong key", token("HS256", []byte("another"), obj{"alg": "HS256"}, good(past)), auth.CodeTokenInvalid},
		{"wrong issuer", hs(good(past, obj{"iss": "x"})), auth.CodeTokenInvalid},
		{"no account", hs(good(past, obj{"accountId": nil})), auth.CodeTokenInvalid},
		{"broken nbf", hs(good(past, obj{"nbf": true})), auth.CodeTokenInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), c.token)
			wantCode(t, err, c.want)
		})
	}
}
