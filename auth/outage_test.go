package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"notifier/auth"
)

func TestATokenWaitsForOneFailedFetchAndNotForTwo(t *testing.T) {
	o := &origin{latency: time.Hour} // the first fetch is under way, and nobody's token has caused one yet
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		began := time.Now()
		verify(t, v, byKid("k", rsaOne()), auth.CodeKeysUnavailable)
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("waited %s, want the 10 s of one fetch", waited)
		}
	})
}

func TestAnOutageLogsNobodyOut(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, c *counted) {
		o.set(func(o *origin) { o.down = true })
		for range 23 {
			time.Sleep(time.Hour)
			verify(t, v, byKid("k", rsaOne()), "")
		}
		if err := v.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		if age, ok := v.KeysAge(); !ok || age != 23*time.Hour {
			t.Errorf("got age %s, want 23h", age)
		}
		c.mu.Lock()
		if c.good != 1 || c.poor < 23*60 || c.poor > 23*60*4 {
			t.Errorf("got %d good and %d failed fetches, want one about every half minute", c.good, c.poor)
		}
		c.mu.Unlock()
		o.serve(jwkOf("k", rsaOne()))
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if age, _ := v.KeysAge(); age > 70*time.Second {
			t.Errorf("got age %s after the outage", age)
		}
	})
}

func TestAnAnswerWithoutKeysIsAnOutageToo(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, c *counted) {
		o.serve()
		time.Sleep(6 * time.Minute)
		verify(t, v, byKid("k", rsaOne()), "")
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.good != 1 || c.poor == 0 {
			t.Errorf("got %d good and %d failed fetches", c.good, c.poor)
		}
	})
}

func TestKeysThatWereNeverLoadedAreAskedForUntilTheyCome(t *testing.T) {
	o := &origin{down: true}
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		wantCode(t, v.Ready(), auth.CodeKeysUnavailable)
		if _, ok := v.KeysAge(); ok {
			t.Error("keys that were never loaded have an age")
		}
		verify(t, v, byKid("k", rsaOne()), auth.CodeKeysUnavailable)
		verify(t, v, hs(obj{"accountId": 1, "exp": int64(4102444800)}), "") // the other kind does not wait
		verify(t, v, token("HS256", secret, obj{"alg": "none"}, good()), auth.CodeTokenInvalid)
		o.serve(jwkOf("k", rsaOne()))
		time.Sleep(5 * time.Second) // at most three failures so far: at most 4.4 s
		synctest.Wait()
		wantCode(t, v.Ready(), "")
		verify(t, v, byKid("k", rsaOne()), "")
	})
}

func TestATokenThatComesDuringTheFirstFetchWaitsForIt(t *testing.T) {
	o := &origin{latency: 2 * time.Second}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		verify(t, v, byKid("k", rsaOne()), "")
		if got := o.fetches(); got != 1 {
			t.Errorf("got %d fetches, want 1", got)
		}
	})
}

func TestRunIsNotCalledTwice(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		if err := v.Run(t.Context()); err == nil {
			t.Error("a second Run was accepted")
		}
		verify(t, v, byKid("k", rsaOne()), "")
	})
}

func TestRunEndsInTheMiddleOfAFetchAndLetsWaitersGo(t *testing.T) {
	keysOnce()
	synctest.Test(t, func(t *testing.T) {
		o := &origin{latency: time.Hour}
		var logs strings.Builder
		c := &counted{}
		v := newVerifier(t, auth.Config{
			JWKSURL: "https://keys.test", HTTPClient: &http.Client{Transport: o}, Metrics: c,
			Logger: slog.New(slog.NewTextHandler(&logs, nil)),
		})
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if err := v.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		group.Go(func() { verify(t, v, byKid("k", rsaOne()), auth.CodeKeysUnavailable) })
		synctest.Wait()
		began := time.Now()
		cancel()
		group.Wait()
		if !time.Now().Equal(began) || c.poor != 0 || logs.Len() != 0 {
			t.Errorf("ended after %s with %d failures and logs %q", time.Since(began), c.poor, logs.String())
		}
	})
}

func TestLoadBesideRunSharesTheTurn(t *testing.T) {
	o := &origin{latency: time.Second}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if err := v.Load(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := v.Load(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v while another fetch was under way", err)
		}
		group.Wait()
		verify(t, v, byKid("k", rsaOne()), "")
	})
}

func TestRepeatedFailuresDoNotFloodTheLog(t *testing.T) {
	keysOnce()
	synctest.Test(t, func(t *testing.T) {
		o := &origin{down: true}
		var logs strings.Builder
		v := newVerifier(t, auth.Config{
			JWKSURL: "http://keys.test", HTTPClient: &http.Client{Transport: o},
			Logger: slog.New(slog.NewTextHandler(&logs, nil)),
		})
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		time.AfterFunc(23*time.Hour, func() { o.serve(jwkOf("k", rsaOne())) })
		if err := v.Run(ctx); err != nil {
			t.Error(err)
		}
		failures := strings.Count(logs.String(), "jwks_fetch_failed")
		if o.fetches() < 1000 || failures < 8 || failures > 14 {
			t.Errorf("got %d lines for %d fetches", failures, o.fetches())
		}
		if got := strings.Count(logs.String(), "jwks_loaded"); got != 1 {
			t.Errorf("got %d lines about loaded keys, want 1:\n%s", got, logs.String())
		}
		if got := strings.Count(logs.String(), "jwks_url_not_https"); got != 1 {
			t.Errorf("got %d warnings about http, want 1", got)
		}
	})
}
