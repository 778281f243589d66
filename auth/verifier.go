package auth

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// Identity is what a good token says.
type Identity struct {
	// Account names the room: a whole number in its decimal digits, or a string byte for byte. Never empty.
	Account string
	// Subject is the sub claim where that is a string or a whole number, else empty. It is a label: nothing is granted by it.
	Subject string
	// ExpiresAt is the second, in UTC, from which on the token is no longer good.
	ExpiresAt time.Time
}

// Verifier judges tokens. It is safe for concurrent use. It starts no goroutine: see Run.
type Verifier struct {
	cfg     Config
	secrets atomic.Pointer[[][]byte]
	keys    *keyring // nil without a JWKS URL
}

// New makes a Verifier, or says everything that is wrong with the configuration. It fetches nothing.
func New(cfg Config) (*Verifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	v := &Verifier{cfg: cfg}
	v.storeSecrets(cfg.Secrets)
	v.cfg.Secrets = nil // one place only
	if cfg.JWKSURL != "" {
		v.keys = newKeyring(newJWKSSource(cfg.JWKSURL, cfg.HTTPClient).fetch, cfg.Logger, cfg.Metrics)
	}
	return v, nil
}

// Run keeps the keys of the JWKS URL fresh until ctx ends, and then returns nil. Without a JWKS URL it only waits for ctx.
// Keys that were loaded outlive it. An error means that a second Run was called beside the first.
func (v *Verifier) Run(ctx context.Context) error {
	v.Advise(ctx)
	if v.keys == nil {
		<-ctx.Done()
		return nil
	}
	return v.keys.run(ctx)
}

// Load fetches the keys of the JWKS URL once, for commands that judge a token and end. Beside a Run it is not needed. Without a
// JWKS URL it does nothing.
func (v *Verifier) Load(ctx context.Context) error {
	if v.keys == nil {
		return nil
	}
	return v.keys.refresh(ctx)
}

// SetSecrets replaces the shared secrets while tokens are being verified. Whether HS tokens are accepted at all follows from it:
// with a JWKS URL an empty list turns them off, without one it is an error. On an error nothing changes.
func (v *Verifier) SetSecrets(secrets [][]byte) error {
	if err := (Config{Secrets: secrets, JWKSURL: v.cfg.JWKSURL}).Validate(); err != nil {
		return err
	}
	v.storeSecrets(secrets)
	return nil
}

func (v *Verifier) storeSecrets(secrets [][]byte) {
	own := make([][]byte, len(secrets))
	for i, secret := range secrets {
		own[i] = bytes.Clone(secret)
	}
	v.secrets.Store(&own)
}

// Ready is nil if tokens can be judged: always without a JWKS URL, else as soon as its keys were loaded once. An outage later
// on changes nothing: see KeysAge.
func (v *Verifier) Ready() error {
	if v.keys != nil && v.keys.loaded.Load() == nil {
		return errNeverLoaded
	}
	return nil
}

// KeysAge is the time since the keys of the JWKS URL were last fetched; false if they never were, or if there is no such URL.
func (v *Verifier) KeysAge() (time.Duration, bool) {
	if v.keys == nil {
		return 0, false
	}
	set := v.keys.loaded.Load()
	if set == nil {
		return 0, false
	}
	return time.Since(set.at), true
}

// Verify judges one token: its raw text, without "Bearer ". Any error is an *Error.
//
// The order of the checks is part of the contract. The signature comes before anything that the token claims, so that nobody
// without a key learns what is expected. Time comes last, so that token_expired means: all else was right.
//
// It returns at once, unless the token names a key that the JWKS did not have when last fetched: then it waits for the
// refetch that this causes, at most until ctx ends. Tokens of known keys never wait.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	id, refusal := v.verify(ctx, token)
	if refusal != nil {
		return Identity{}, refusal
	}
	return id, nil
}

func (v *Verifier) verify(ctx context.Context, token string) (Identity, *Error) {
	t, err := parseCompact(token)
	if err != nil {
		return Identity{}, err
	}
	if err := v.checkSignature(ctx, t); err != nil {
		return Identity{}, err
	}
	c, err := parseClaims(t.payload)
	if err != nil {
		return Identity{}, err
	}
	if err := c.checkParties(v.cfg.Issuer, v.cfg.Audience); err != nil {
		return Identity{}, err
	}
	account, err := c.account(v.cfg.AccountClaim)
	if err != nil {
		return Identity{}, err
	}
	expiresAt, err := c.checkTime(v.cfg.Now())
	if err != nil {
		return Identity{}, err
	}
	return Identity{Account: account, Subject: c.subject(), ExpiresAt: expiresAt}, nil
}

// checkSignature chooses the kind of key by what is configured for the algorithm. There is no way from one kind to the other.
func (v *Verifier) checkSignature(ctx context.Context, t *compact) *Error {
	if !t.alg.symmetric() {
		if v.keys == nil {
			return errNoJWKS
		}
		return v.keys.check(ctx, t)
	}
	secrets := *v.secrets.Load()
	if len(secrets) == 0 {
		return errNoSecret
	}
	for _, secret := range secrets {
		if t.alg.verify(t.signed, t.signature, secret) {
			return nil
		}
	}
	return errSignature
}

// Advise logs what is allowed but unwise. Run does so once; who exchanges secrets may want to do so again.
func (v *Verifier) Advise(ctx context.Context) {
	weak := 0
	for _, secret := range *v.secrets.Load() {
		if len(secret) < weakSecret {
			weak++
		}
	}
	if weak > 0 {
		v.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "jwt_secret_short",
			slog.Int("short_secrets", weak), slog.Int("recommended_bytes", weakSecret))
	}
	if strings.HasPrefix(strings.ToLower(v.cfg.JWKSURL), "http:") {
		v.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "jwks_url_not_https")
	}
}
