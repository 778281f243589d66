package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Claims are what a development token shall say. Only Account is required.
type Claims struct {
	// Account becomes a JSON number if it is a whole number below 2^53 in plain digits, else a string.
	Account string
	// Subject becomes sub.
	Subject string
	// TTL is the time until exp, rounded up to the second. 0: one hour. Negative: a token that has expired already.
	TTL time.Duration
	// Issuer and Audience become iss and aud.
	Issuer, Audience string
	// AccountClaim says where the account goes, as Config.AccountClaim says where it is looked for: a name with dots becomes
	// nested objects, except where it is a URL, which is one name. Empty: DefaultAccountClaim.
	AccountClaim string
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

const defaultTTL = time.Hour

// Sign makes a development token (HS256) that a Verifier with this secret and the same names accepts. It is meant for trying
// things out; a platform's own tokens come from its own issuer.
func Sign(secret []byte, c Claims) (string, error) {
	if err := checkSecrets([][]byte{secret}); err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	set, err := c.set()
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	payload, err := json.Marshal(set)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	token, err := signHS256(payload, secret)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	if len(token) > maxToken {
		return "", fmt.Errorf("sign token: it would be longer than %d bytes", maxToken)
	}
	return token, nil
}

// set builds the claim set.
func (c Claims) set() (map[string]any, error) {
	if !accountText(c.Account) {
		return nil, errors.New("the account is empty or has a character that no account can have")
	}
	now, ttl := time.Now, defaultTTL
	if c.Now != nil {
		now = c.Now
	}
	if c.TTL != 0 {
		ttl = c.TTL
	}
	issued := now()
	set := map[string]any{
		"iat": issued.Unix(),
		"exp": issued.Add(ttl + time.Second - 1).Unix(),
	}
	for name, value := range map[string]string{"sub": c.Subject, "iss": c.Issuer, "aud": c.Audience} {
		if value != "" {
			set[name] = value
		}
	}
	return set, c.placeAccount(set)
}

// placeAccount nests the account as its claim's path says.
func (c Claims) placeAccount(set map[string]any) error {
	claim := c.AccountClaim
	if claim == "" {
		claim = DefaultAccountClaim
	}
	path := []string{claim}
	if !strings.Contains(claim, "://") {
		path = strings.Split(claim, ".")
	}
	if _, taken := set[path[0]]; taken || slices.Contains([]string{"iss", "aud", "nbf"}, path[0]) {
		return fmt.Errorf("the account claim %q would take the place of another claim", claim)
	}
	var value any = c.Account
	if wholeNumber(c.Account) {
		value = json.Number(c.Account)
	}
	for _, name := range slices.Backward(path[1:]) {
		value = map[string]any{name: value}
	}
	set[path[0]] = value
	return nil
}
