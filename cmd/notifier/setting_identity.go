package main

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

// identitySettings say whose tokens are believed: serve verifies with them, token signs.
type identitySettings struct {
	jwtSecret       string
	jwtPrevious     string        // serve: still good beside it
	jwtOverlap      time.Duration // serve: how long a secret that was replaced while it runs stays good
	jwksURL         string
	jwtIssuer       string
	jwtAudience     string
	jwtAccountClaim string
}

// registerVerifying is for serve: a secret, a JWKS or both.
func (i *identitySettings) registerVerifying(s *settings) {
	secret := s.secret(&i.jwtSecret, "jwt-secret", "shared secret of HS256, HS384 and HS512 tokens", isNoPublicKey)
	keys := s.text(&i.jwksURL, "jwks-url", "", "where the public keys of RS, PS, ES and EdDSA tokens are published", isHTTPURL)
	s.needOneOf = append(s.needOneOf, [2]*setting{secret, keys})
	s.secret(&i.jwtPrevious, "jwt-previous-secret", "shared secret that is being replaced: good beside the other for as long as it is set", isNoPublicKey)
	s.duration(&i.jwtOverlap, "jwt-secret-overlap", "1h", "how long a secret stays good that was replaced while serve runs (SIGHUP)", atLeast(time.Duration(0)))
	i.registerClaims(s)
}

// secrets are those of the settings, the one to sign with first.
func (i *identitySettings) secrets() (secrets []string) {
	for _, secret := range []string{i.jwtSecret, i.jwtPrevious} {
		if secret != "" && !slices.Contains(secrets, secret) {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

// registerSigning is for token, which has to have the secret.
func (i *identitySettings) registerSigning(s *settings) {
	s.secret(&i.jwtSecret, "jwt-secret", "shared secret to sign with (HS256), the same as the daemon's", isNoPublicKey).
		example = "NOTIFIER_JWT_SECRET=change-me-to-something-long-and-random"
	i.registerClaims(s)
}

func (i *identitySettings) registerClaims(s *settings) {
	s.text(&i.jwtIssuer, "jwt-issuer", "", "issuer (iss) that a token must have; not checked if empty")
	s.text(&i.jwtAudience, "jwt-audience", "", "audience (aud) that a token must have; not checked if empty")
	s.text(&i.jwtAccountClaim, "jwt-account-claim", "accountId", "claim with the account: a claim of exactly this name, else a dotted path", notEmpty)
}

func notEmpty(text string) error {
	if text == "" {
		return errors.New("is empty")
	}
	return nil
}

// isNoPublicKey keeps a key that everybody may know from becoming the secret to sign with.
func isNoPublicKey(text string) error {
	if strings.Contains(text, "-----BEGIN ") {
		return errors.New("is a PEM key or certificate: public keys are configured by --jwks-url (NOTIFIER_JWKS_URL)")
	}
	return nil
}

func isHTTPURL(text string) error {
	if target, err := url.Parse(text); err != nil || target.Host == "" || target.Scheme != "https" && target.Scheme != "http" {
		return errors.New("is not a URL that begins with https:// or http://")
	}
	return nil
}
