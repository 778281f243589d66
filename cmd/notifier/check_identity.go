package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"notifier/auth"
	"notifier/sql/inspect"
)

// identityCheck judges what serve verifies tokens by, and a token.
type identityCheck struct {
	settings identitySettings
	token    string
	verifier *auth.Verifier
}

// strongSecret is what RFC 7518, 3.2 wants of HS256 at least.
const strongSecret = 32

func (i *identityCheck) checks() []inspect.Check {
	checks := []inspect.Check{
		{Code: "jwt_secret", Run: i.judgeSecret},
		{Code: "jwks", Run: i.fetchKeys},
	}
	if i.token != "" {
		checks = append(checks, inspect.Check{Code: "token", Needs: []string{"jwt_secret"}, Run: i.judgeToken})
	}
	return checks
}

// secrets are those that serve accepts.
func (i *identityCheck) secrets() [][]byte {
	var all [][]byte
	for _, secret := range i.settings.secrets() {
		all = append(all, []byte(secret))
	}
	return all
}

// judgeSecret makes the verifier, too, which fails for reasons of the secret only: the URL was looked at when it was read.
func (i *identityCheck) judgeSecret(context.Context) (inspect.Finding, error) {
	s := i.settings
	if len(i.secrets()) == 0 && s.jwksURL == "" {
		return inspect.Finding{Status: inspect.Skipped, Text: "neither --jwt-secret nor --jwks-url is given here, of which serve needs one"}, nil
	}
	var err error
	i.verifier, err = auth.New(auth.Config{
		Secrets: i.secrets(), JWKSURL: s.jwksURL, Issuer: s.jwtIssuer, Audience: s.jwtAudience, AccountClaim: s.jwtAccountClaim,
		Logger: slog.New(slog.DiscardHandler),
	})
	switch {
	case err != nil: // its text never repeats a value
		return inspect.Wrong(err.Error(), "see auth/README.md"), nil
	case len(i.secrets()) == 0:
		return inspect.Fine("there is none: only tokens of the JWKS are accepted"), nil
	}
	for _, secret := range i.secrets() {
		if len(secret) < strongSecret {
			return inspect.Warned(fmt.Sprintf("the shared secret is shorter than %d bytes: it can be guessed from one token", strongSecret),
				"openssl rand -base64 48   # for the issuer and for serve, both at once"), nil
		}
	}
	return inspect.Fine(fmt.Sprintf("the shared secret has at least %d bytes", strongSecret)), nil
}

func (i *identityCheck) fetchKeys(ctx context.Context) (inspect.Finding, error) {
	url := i.settings.jwksURL
	if url == "" {
		return inspect.Fine("there is no --jwks-url: only tokens of the shared secret are accepted"), nil
	}
	if i.verifier == nil {
		return inspect.Finding{Status: inspect.Skipped, Text: "not looked at because of jwt_secret"}, nil
	}
	started := time.Now()
	switch err := i.verifier.Load(ctx); {
	case err != nil:
		return inspect.Wrong("--jwks-url gives no usable key from this machine: tokens of private keys get keys_unavailable",
			"curl -fsS $NOTIFIER_JWKS_URL   # from this machine: a JSON object with \"keys\", of RSA, EC or OKP, for signatures"), nil
	case strings.HasPrefix(strings.ToLower(url), "http:"):
		return inspect.Warned("the keys come over plain HTTP: who can change the answer can log in as anybody", "use https in --jwks-url"), nil
	}
	return inspect.Fine(fmt.Sprintf("usable keys came within %s", time.Since(started).Round(time.Millisecond))), nil
}

// judgeToken never prints anything of the token but the account of a good one.
func (i *identityCheck) judgeToken(ctx context.Context) (inspect.Finding, error) {
	id, err := i.verifier.Verify(ctx, i.token)
	var refusal *auth.Error
	if errors.As(err, &refusal) {
		return inspect.Wrong(fmt.Sprintf("the token is refused (%s): %v", refusal.Code(), refusal), tokenAdvice(refusal)), nil
	}
	if err != nil {
		return inspect.Finding{}, err
	}
	return inspect.Fine(fmt.Sprintf("the token is accepted, for account %s, until %s (for %s)", id.Account,
		id.ExpiresAt.UTC().Format("2006-01-02 15:04:05 MST"), time.Until(id.ExpiresAt).Round(time.Second))), nil
}

// tokenAdvice is by the cause, which is one of the fixed texts of package auth.
func tokenAdvice(refusal *auth.Error) string {
	switch refusal.Code() {
	case auth.CodeTokenExpired:
		return "get a new one from the issuer; if it is new, compare the clocks (date -u) of the issuer and of this machine"
	case auth.CodeKeysUnavailable:
		return "see jwks; the same token may be good when the keys are there"
	}
	for part, advice := range map[string]string{ //nolint:gosec // advice about secrets, and none of them
		"signature does not verify": "the issuer signs with another secret or key than --jwt-secret and --jwks-url have",
		"shared secret":             "give the issuer's secret: NOTIFIER_JWT_SECRET_FILE",
		"private key":               "give the issuer's public keys: --jwks-url",
		"key that the JWKS":         "the issuer of --jwks-url has not published the key that signed it, or another issuer signed it",
		"token issuer":              "compare its iss with --jwt-issuer",
		"token audience":            "compare its aud with --jwt-audience",
		"account":                   "compare its claims with --jwt-account-claim; an account is a whole number or a text",
		"not valid yet":             "compare the clocks (date -u) of the issuer and of this machine",
		"in the future":             "compare the clocks (date -u) of the issuer and of this machine",
	} {
		if strings.Contains(refusal.Error(), part) {
			return advice
		}
	}
	return "see “What is checked” in auth/README.md"
}
