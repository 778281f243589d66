package auth_test

import (
	"encoding/json"
	"testing"

	"notifier/auth"
)

func TestAccountsAreWholeNumbersOrText(t *testing.T) {
	cases := []struct {
		json string // of the claim
		want string // "": refused
	}{
		{`1`, "1"}, {`0`, "0"}, {`123`, "123"}, {`9007199254740991`, "9007199254740991"},
		{`"1"`, "1"}, {`"01"`, "01"}, {`"1.0"`, "1.0"}, {`"-1"`, "-1"}, {`" 1"`, " 1"},
		{`"9007199254740993"`, "9007199254740993"},
		{`"5f2c6f0e-8a52-4b0e-9d5c-2f4a6a1c9b11"`, "5f2c6f0e-8a52-4b0e-9d5c-2f4a6a1c9b11"},
		{`"clínica ☤"`, "clínica ☤"}, {`"\u0031"`, "1"}, {`"e\u0301"`, "e\u0301"}, {`"\ud83d\ude00"`, "😀"},
		{`9007199254740992`, ""}, {`9007199254740993`, ""}, {`18446744073709551617`, ""},
		{`-1`, ""}, {`-0`, ""}, {`1.0`, ""}, {`1.5`, ""}, {`1e3`, ""}, {`1E0`, ""}, {`1e-1`, ""},
		{`""`, ""}, {`true`, ""}, {`false`, ""}, {`null`, ""}, {`{}`, ""}, {`{"id":1}`, ""}, {`[]`, ""}, {`[1]`, ""},
		{`"a\u0000b"`, ""}, {`"\ud800"`, ""}, {`"\ufffd"`, ""},
	}
	v := secretOnly(t)
	for _, c := range cases {
		t.Run(c.json, func(t *testing.T) {
			id, err := v.Verify(t.Context(), hs(good(obj{"accountId": json.RawMessage(c.json)})))
			if c.want == "" {
				wantCode(t, err, auth.CodeTokenInvalid)
				return
			}
			wantCode(t, err, "")
			if id.Account != c.want {
				t.Errorf("got account %q, want %q", id.Account, c.want)
			}
		})
	}
}

func TestTheAccountIsFoundByNameOrElseByPath(t *testing.T) {
	const url = "https://clinic.example/account"
	cases := []struct {
		name, claim, payload string
		want                 string // "": refused
	}{
		{"default", "", `{"accountId":1}`, "1"},
		{"other case", "", `{"accountid":1,"AccountId":2,"ACCOUNTID":3}`, ""},
		{"missing", "", `{}`, ""},
		{"simple name", "tenant", `{"accountId":1,"tenant":"t"}`, "t"},
		{"path", "user.account.id", `{"user":{"account":{"id":5}}}`, "5"},
		{"name with dots", url, `{"` + url + `":6}`, "6"},
		{"exact name wins", "a.b", `{"a.b":1,"a":{"b":2}}`, "1"},
		{"exact name wins though it is no account", "a.b", `{"a.b":null,"a":{"b":2}}`, ""},
		{"half a path", "a.b.c", `{"a":{"b":1}}`, ""},
		{"half a name", "a.b.c", `{"a.b":{"c":1},"a":{"b.c":1}}`, ""},
		{"through a string", "a.b", `{"a":"b"}`, ""},
		{"through null", "a.b", `{"a":null}`, ""},
		{"into an array", "a.0", `{"a":[1]}`, ""},
		{"ends at an object", "a", `{"a":{"b":1}}`, ""},
		{"empty segments", "a..b", `{"a":{"":{"b":1}}}`, "1"},
		{"sub", "sub", `{"sub":"acc"}`, "acc"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := newVerifier(t, auth.Config{Secrets: [][]byte{secret}, AccountClaim: c.claim, Now: atNoon})
			var claims map[string]json.RawMessage
			if err := json.Unmarshal([]byte(c.payload), &claims); err != nil {
				t.Fatal(err)
			}
			claims["exp"] = json.RawMessage("4102444800")
			id, err := v.Verify(t.Context(), hs(claims))
			if c.want == "" {
				wantCode(t, err, auth.CodeTokenInvalid)
				return
			}
			wantCode(t, err, "")
			if id.Account != c.want {
				t.Errorf("got account %q, want %q", id.Account, c.want)
			}
		})
	}
}

func TestTheSubjectIsALabel(t *testing.T) {
	for claim, want := range map[string]string{`"7"`: "7", `7`: "7", `7.5`: "", `null`: "", `{"id":7}`: "", `""`: ""} {
		id, err := secretOnly(t).Verify(t.Context(), hs(good(obj{"sub": json.RawMessage(claim)})))
		wantCode(t, err, "")
		if id.Subject != want {
			t.Errorf("sub %s: got subject %q, want %q", claim, id.Subject, want)
		}
	}
}
