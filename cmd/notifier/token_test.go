package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"notifier/auth"
)

const testSecret = "a secret of at least thirty-two bytes"

// signed runs `notifier token` and returns what TOKEN=$(…) would hold.
func signed(t *testing.T, args ...string) string {
	t.Helper()
	status, stdout, stderr := runLine(t, append([]string{"token", "--jwt-secret", testSecret}, args...)...)
	token := strings.TrimSuffix(stdout, "\n")
	if status != exitOK || token == "" || strings.ContainsAny(token, " \n") {
		t.Fatalf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	return token
}

func TestTheDaemonAcceptsAToken(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		cfg  auth.Config
		want auth.Identity
	}{
		{"a number", []string{"--account=1"}, auth.Config{}, auth.Identity{Account: "1"}},
		{"a name and a user", []string{"--account=north", "--subject=7"}, auth.Config{}, auth.Identity{Account: "north", Subject: "7"}},
		{
			"nested, with issuer and audience",
			[]string{"--account=1", "--jwt-account-claim=user.account", "--jwt-issuer=clinic", "--jwt-audience=screens"},
			auth.Config{AccountClaim: "user.account", Issuer: "clinic", Audience: "screens"},
			auth.Identity{Account: "1"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Secrets = [][]byte{[]byte(testSecret)}
			verifier, err := auth.New(test.cfg)
			if err != nil {
				t.Fatal(err)
			}
			got, err := verifier.Verify(t.Context(), signed(t, test.args...))
			if err != nil {
				t.Fatal(err)
			}
			if got.Account != test.want.Account || got.Subject != test.want.Subject {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestTheAccountIsANumberIfItIsOne(t *testing.T) {
	for account, want := range map[string]string{"1": "1", "01": `"01"`, "north": `"north"`, "1e3": `"1e3"`} {
		if got := string(payload(t, signed(t, "--account="+account))["accountId"]); got != want {
			t.Errorf("%s: got %s, want %s", account, got, want)
		}
	}
}

func TestTheTokenLivesForItsTTL(t *testing.T) {
	for text, want := range map[string]time.Duration{"": time.Hour, "10m": 10 * time.Minute} {
		args := []string{"--account=1"}
		if text != "" {
			args = append(args, "--ttl="+text)
		}
		claims := payload(t, signed(t, args...))
		var exp, iat int64
		if err := json.Unmarshal(claims["exp"], &exp); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(claims["iat"], &iat); err != nil {
			t.Fatal(err)
		}
		if got := time.Duration(exp-iat) * time.Second; got < want || got > want+time.Second {
			t.Errorf("ttl %q: got %s", text, got)
		}
	}
}

func TestTheSecretIsReadFromAFile(t *testing.T) {
	t.Setenv("NOTIFIER_JWT_SECRET_FILE", writeFile(t, testSecret+"\n"))
	status, fromFile, stderr := runLine(t, "token", "--account=1")
	if status != exitOK {
		t.Fatal(stderr)
	}
	verifier, err := auth.New(auth.Config{Secrets: [][]byte{[]byte(testSecret)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), strings.TrimSpace(fromFile)); err != nil {
		t.Error(err)
	}
}

func TestATokenNeedsAccountAndSecret(t *testing.T) {
	status, stdout, stderr := runLine(t, "token")
	want := `notifier: 2 settings have to change:
  --account is missing, for example --account 1
  --jwt-secret (NOTIFIER_JWT_SECRET or NOTIFIER_JWT_SECRET_FILE) is missing, for example NOTIFIER_JWT_SECRET=change-me-to-something-long-and-random
`
	if status != exitUsage || stdout != "" || stderr != want {
		t.Errorf("status %d, stdout %q, stderr\n%s", status, stdout, stderr)
	}
}

func payload(t *testing.T, token string) map[string]json.RawMessage {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
