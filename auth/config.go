package auth

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// DefaultAccountClaim is the claim that holds the account where Config.AccountClaim is empty.
const DefaultAccountClaim = "accountId"

// maxSecrets bounds the work that one HS token can ask for: it is tried against each secret.
const maxSecrets = 16

// weakSecret is the length in bytes below which a secret is warned about: RFC 7518, 3.2 wants at least the 32 of HS256's output.
const weakSecret = 32

// Config says which tokens are good. At least one of Secrets and JWKSURL is required; everything else has a default.
type Config struct {
	// Secrets verify HS256, HS384 and HS512. Several are valid side by side, for rotation. Empty: such tokens are refused.
	Secrets [][]byte
	// JWKSURL has the public keys for RS, PS, ES and EdDSA (http or https). Empty: such tokens are refused.
	JWKSURL string
	// Issuer must equal iss. Empty: not checked.
	Issuer string
	// Audience must be aud or one of its members. Empty: not checked.
	Audience string
	// AccountClaim names the account: a claim of exactly this name, else a dotted path into nested objects.
	// Empty: DefaultAccountClaim.
	AccountClaim string
	// HTTPClient fetches the JWKS. Its redirect policy is ours where it has none. Nil: a client without keep-alive. Every
	// fetch is given up after 10 s, whatever the client allows.
	HTTPClient *http.Client
	// Logger hears of keys that load or fail to, never of tokens: those are reported by the error of Verify, which the caller
	// logs. Nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock that exp, nbf and iat are compared with. Refreshing keys does not depend on it. Nil: time.Now.
	Now func() time.Time
	// Metrics hears what happens to the keys. Nil: nobody does.
	Metrics Metrics
}

// Metrics are the events of this package that are worth counting. Implementations are called from the goroutine of Run (or of
// Load) and must not block it.
type Metrics interface {
	// KeysRefreshed reports that a fetch of the JWKS ended, and whether it brought usable keys.
	KeysRefreshed(ok bool)
}

type noMetrics struct{}

func (noMetrics) KeysRefreshed(bool) {}

// Validate reports all faults at once, or nil. No value of a setting is repeated in the error.
func (c Config) Validate() error {
	var faults []error
	if len(c.Secrets) == 0 && c.JWKSURL == "" {
		faults = append(faults, errors.New("neither a JWT secret nor a JWKS URL is set: no token could ever be verified"))
	}
	if err := checkSecrets(c.Secrets); err != nil {
		faults = append(faults, err)
	}
	if c.JWKSURL != "" {
		if err := checkURL(c.JWKSURL); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func checkSecrets(secrets [][]byte) error {
	var faults []error
	if len(secrets) > maxSecrets {
		faults = append(faults, fmt.Errorf("more than %d JWT secrets are set", maxSecrets))
	}
	for i, secret := range secrets {
		switch {
		case len(secret) == 0:
			faults = append(faults, fmt.Errorf("JWT secret %d of %d is empty", i+1, len(secrets)))
		case bytes.HasPrefix(bytes.TrimSpace(secret), []byte("-----BEGIN ")):
			// Whoever has the public key could sign HS256 with it: the classic confusion of algorithms, by configuration.
			faults = append(faults, fmt.Errorf("JWT secret %d of %d is a PEM key or certificate: "+
				"public keys are configured by a JWKS URL", i+1, len(secrets)))
		}
	}
	return errors.Join(faults...)
}

func checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("JWKS URL cannot be parsed") // the parser's own error would repeat the URL
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return errors.New("JWKS URL must be an absolute http or https URL")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.AccountClaim == "" {
		c.AccountClaim = DefaultAccountClaim
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Metrics == nil {
		c.Metrics = noMetrics{}
	}
	return c
}
