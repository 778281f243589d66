package auth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"notifier/auth"
)

// origin is a JWKS without a network, so that it can be asked inside a bubble of testing/synctest.
type origin struct {
	mu      sync.Mutex
	body    string
	down    bool
	latency time.Duration
	asked   []time.Time
}

func (o *origin) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.asked = append(o.asked, time.Now())
	body, down, latency := o.body, o.down, o.latency
	o.mu.Unlock()
	select {
	case <-time.After(latency):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if down {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (o *origin) set(change func(o *origin)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(o)
}

func (o *origin) serve(keys ...obj) { o.set(func(o *origin) { o.body, o.down = jwks(keys...), false }) }

func (o *origin) fetches() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.asked)
}

// counted are the metrics of these tests.
type counted struct {
	mu         sync.Mutex
	good, poor int
}

func (c *counted) KeysRefreshed(ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		c.good++
	} else {
		c.poor++
	}
}

// bubble runs a verifier with this origin on fake time; everything has ended when it returns.
func bubble(t *testing.T, o *origin, body func(t *testing.T, v *auth.Verifier, c *counted)) {
	keysOnce()
	synctest.Test(t, func(t *testing.T) {
		c := &counted{}
		v := newVerifier(t, auth.Config{
			Secrets: [][]byte{secret}, JWKSURL: "https://keys.test", HTTPClient: &http.Client{Transport: o}, Metrics: c,
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- v.Run(ctx) }()
		synctest.Wait()
		body(t, v, c)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// keysOnce makes the keys outside of a bubble, which they would otherwise belong to.
func keysOnce() { rsaOne(); rsaTwo(); p256(); ed() }

func byKid(kid string, key any) string {
	alg := "RS256"
	if key == any(p256()) {
		alg = "ES256"
	}
	header := obj{"alg": alg}
	if kid != "" {
		header["kid"] = kid
	}
	return token(alg, key, header, obj{"accountId": 1, "exp": time.Now().Add(24 * time.Hour).Unix()})
}

func verify(t testing.TB, v *auth.Verifier, token, want string) {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	wantCode(t, err, want)
}
