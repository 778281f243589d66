package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"notifier/auth"
)

// TestNothingOfATokenOrSecretReachesLogsOrErrors refuses tokens for every reason there is, with values that are easily
// recognised, through outages and rotations, and searches everything that was said for any of them.
func TestNothingOfATokenOrSecretReachesLogsOrErrors(t *testing.T) {
	keysOnce()
	var said bytes.Buffer
	reasons := make(map[string]bool)
	synctest.Test(t, func(t *testing.T) {
		o := &origin{}
		o.serve(jwkOf("marker-kid", rsaOne()), jwkOf("marker-oct", secret))
		log := slog.New(slog.NewJSONHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
		v := newVerifier(t, auth.Config{
			Secrets: [][]byte{secret, []byte("marker-short")}, JWKSURL: "http://marker-user:marker-pass@keys.test/?marker-query",
			HTTPClient: &http.Client{Transport: o}, Issuer: "marker-issuer", Audience: "marker-audience",
			AccountClaim: "marker-claim", Logger: log,
		})
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { _ = v.Run(ctx) })
		synctest.Wait()
		for _, down := range []bool{false, true} {
			o.set(func(o *origin) { o.down = down })
			for _, bad := range badTokens() {
				_, err := v.Verify(ctx, bad)
				if err == nil {
					t.Errorf("a bad token was accepted: %s", bad)
					continue
				}
				reasons[err.Error()] = true
				log.Info("refused", slog.Any("error", err), slog.Any("unwrapped", errors.Unwrap(err)))
			}
			time.Sleep(20 * time.Minute)
		}
		cancel()
		group.Wait()
		logMisuse(log)
	})
	if len(reasons) < 20 {
		t.Errorf("only %d reasons were met", len(reasons))
	}
	for _, needle := range secretsOf(badTokens()) {
		if at := strings.Index(said.String(), needle); at >= 0 {
			t.Fatalf("%q was said: …%s…", needle, said.String()[max(0, at-80):min(said.Len(), at+80)])
		}
	}
	if !strings.Contains(said.String(), "jwks_fetch_failed") || !strings.Contains(said.String(), "jwks_loaded") {
		t.Error("the log was not captured")
	}
}

// badTokens are refused for as many reasons as possible, each holding "marker" wherever it can.
func badTokens() []string {
	until := time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	claims := func(changes obj) obj {
		set := obj{"marker-claim": "marker-account", "sub": "marker-subject", "exp": until,
			"iss": "marker-issuer", "aud": "marker-audience", "name": "marker-patient"}
		for name, value := range changes {
			if set[name] = value; value == nil {
				delete(set, name)
			}
		}
		return set
	}
	list := []string{"marker", "marker.marker.marker", strings.Repeat("marker", 2000), "mar\nker.x.y"}
	for _, header := range []any{
		"marker", obj{"alg": "marker"}, obj{"alg": "none"}, obj{"alg": "HS256", "crit": []string{"marker"}},
		obj{"alg": "HS256", "kid": strings.Repeat("marker", 100)}, obj{"alg": "RS256", "kid": "marker-kid"},
		obj{"alg": "RS256", "kid": "marker-unknown"}, obj{"alg": "ES256"}, obj{"alg": "EdDSA", "jku": "https://marker.test"},
		obj{"alg": "HS512"}, `{"alg":"HS256","alg":"marker"}`, `{"alg":"\ud800marker`,
	} {
		list = append(list, token("HS256", secret, header, claims(nil)))
	}
	for _, changes := range []obj{
		{"exp": nil}, {"exp": "marker"}, {"exp": 1}, {"exp": until * 1000}, {"nbf": until}, {"nbf": "marker"}, {"iat": until},
		{"iat": []string{"marker"}}, {"iss": "marker-other"}, {"aud": []string{"marker-other"}}, {"marker-claim": nil},
		{"marker-claim": obj{"marker": 1}}, {"marker-claim": "marker\x00"}, {"marker-claim": 12345678.5},
	} {
		list = append(list, hs(claims(changes)))
	}
	return append(list, hs("marker"), hs(`{"marker":1,"marker":2}`), hs(`["marker"]`), fmt.Sprintf("%s.", hs(claims(nil))))
}

// secretsOf gives what must not be found anywhere: every stretch of every token, the secrets, and the markers.
func secretsOf(tokens []string) []string {
	needles := []string{"marker", "eyJ", string(secret), b64(secret), b64(secret)[:12]}
	for _, token := range tokens {
		for _, part := range strings.Split(token, ".") {
			for ; len(part) >= 8; part = part[8:] {
				needles = append(needles, part[:8])
			}
		}
	}
	return needles
}

// logMisuse logs the errors of New and Sign.
func logMisuse(log *slog.Logger) {
	for _, cfg := range []auth.Config{
		{Secrets: [][]byte{[]byte("-----BEGIN marker")}, JWKSURL: "ftp://marker"}, {JWKSURL: "http://%zz-marker"},
	} {
		_, err := auth.New(cfg)
		log.Error("configuration", slog.Any("error", err))
	}
	_, err := auth.Sign(nil, auth.Claims{Account: "marker-account"})
	log.Error("sign", slog.Any("error", err))
	_, err = auth.Sign([]byte("marker-secret"), auth.Claims{Account: "marker\x00", Subject: "marker-subject"})
	log.Error("sign", slog.Any("error", err))
}
