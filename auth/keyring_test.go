package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

func TestAnUnknownKidCausesARefetchThatIsWaitedFor(t *testing.T) {
	o := &origin{latency: 200 * time.Millisecond}
	o.serve(jwkOf("old", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		verify(t, v, byKid("old", rsaOne()), "")
		o.serve(jwkOf("old", rsaOne()), jwkOf("new", rsaTwo()))
		began := time.Now()
		verify(t, v, byKid("new", rsaTwo()), "")
		if waited := time.Since(began); waited != 200*time.Millisecond {
			t.Errorf("waited %s, want one fetch", waited)
		}
		if got := o.fetches(); got != 2 {
			t.Errorf("got %d fetches, want 2", got)
		}
		verify(t, v, byKid("old", rsaOne()), "")
	})
}

func TestAKeyThatIsWithdrawnEndsWithTheNextRefresh(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("old", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		o.serve(jwkOf("new", rsaTwo()))
		time.Sleep(5*time.Minute + 30*time.Second)
		synctest.Wait()
		verify(t, v, byKid("new", rsaTwo()), "")
		verify(t, v, byKid("old", rsaOne()), auth.CodeTokenInvalid)
	})
}

func TestAStormOfUnknownKidsCausesOneFetchIn15Seconds(t *testing.T) {
	o := &origin{latency: 100 * time.Millisecond}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		verify(t, v, byKid("k", rsaOne()), "")
		forged := make([]string, 40)
		for i := range forged {
			forged[i] = byKid(fmt.Sprintf("forged-%d", i), p256())
		}
		good := byKid("k", rsaOne())
		began, before := time.Now(), o.fetches()
		for time.Since(began) < time.Minute { // 40 at a time, 10 times a second, for a minute
			var group sync.WaitGroup
			for _, token := range forged {
				group.Go(func() {
					if _, err := v.Verify(t.Context(), token); err == nil {
						t.Error("a forged token was accepted")
					}
				})
			}
			verify(t, v, good, "")
			time.Sleep(100 * time.Millisecond)
			group.Wait()
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		asked := o.asked[before:]
		if len(asked) != 4 {
			t.Errorf("got %d fetches in a minute, want 4", len(asked))
		}
		for i := 1; i < len(asked); i++ {
			if gap := asked[i].Sub(asked[i-1]); gap < 15*time.Second {
				t.Errorf("two fetches %s apart", gap)
			}
		}
	})
}

func TestManyWaitersShareOneFetch(t *testing.T) {
	o := &origin{latency: time.Second}
	o.serve(jwkOf("old", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		verify(t, v, byKid("old", rsaOne()), "")
		o.serve(jwkOf("new", rsaTwo()))
		before, good := o.fetches(), byKid("new", rsaTwo())
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { verify(t, v, good, "") })
		}
		group.Wait()
		if got := o.fetches() - before; got != 1 {
			t.Errorf("got %d fetches, want 1", got)
		}
	})
}

func TestWhatAnUnknownKidMeansDependsOnWhatIsKnown(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		unknown, another := byKid("unknown", p256()), byKid("another", rsaTwo())
		verify(t, v, unknown, auth.CodeTokenInvalid) // the source was asked
		verify(t, v, unknown, auth.CodeTokenInvalid) // and is remembered
		o.serve(jwkOf("another", rsaTwo()))
		verify(t, v, another, auth.CodeKeysUnavailable) // may be new since, and must not be asked for yet
		time.Sleep(15 * time.Second)
		verify(t, v, another, "")
		time.Sleep(15 * time.Second)
		o.set(func(o *origin) { o.down = true })
		verify(t, v, unknown, auth.CodeKeysUnavailable) // cannot be told during an outage
		verify(t, v, unknown, auth.CodeKeysUnavailable)
		verify(t, v, another, "")
	})
}

func TestASlowJWKSDelaysNoTokenOfAKnownKid(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		o.set(func(o *origin) { o.latency = time.Hour })
		unknown, known, shared := byKid("unknown", p256()), byKid("k", rsaOne()), hs(obj{"accountId": 1, "exp": 4102444800})
		var group sync.WaitGroup
		began := time.Now()
		group.Go(func() {
			verify(t, v, unknown, auth.CodeKeysUnavailable)
			if waited := time.Since(began); waited != 10*time.Second {
				t.Errorf("the unknown one waited %s, want the 10 s of a fetch", waited)
			}
		})
		synctest.Wait()
		for range 9 {
			at := time.Now()
			verify(t, v, known, "")
			verify(t, v, shared, "")
			verify(t, v, byKid("k", p256()), auth.CodeTokenInvalid)
			if !time.Now().Equal(at) {
				t.Error("a token of a known kid waited")
			}
			time.Sleep(time.Second)
		}
		group.Wait()
	})
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		o.set(func(o *origin) { o.latency = time.Hour })
		why := errors.New("the client has gone")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, why)
		defer cancel()
		began := time.Now()
		_, err := v.Verify(ctx, byKid("unknown", p256()))
		wantCode(t, err, auth.CodeKeysUnavailable)
		if waited := time.Since(began); waited != 3*time.Second || !errors.Is(err, why) {
			t.Errorf("got %v after %s", err, waited)
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
		verify(t, v, hs(obj{"accountId": 1, "exp": 4102444800}), "") // the other kind does not wait
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

func TestAFetchThatBeganBeforeTheKeyWasPublishedIsRepeated(t *testing.T) {
	o := &origin{latency: 2 * time.Second}
	o.serve(jwkOf("old", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		o.serve(jwkOf("old", rsaOne()), jwkOf("new", rsaTwo())) // the first fetch is under way with the old answer
		verify(t, v, byKid("new", rsaTwo()), "")
		if got := o.fetches(); got != 2 {
			t.Errorf("got %d fetches, want 2", got)
		}
	})
}

func TestARotationOfKeysWithoutKidsIsNoticed(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		verify(t, v, byKid("", rsaOne()), "")
		o.serve(jwkOf("", rsaTwo()))
		verify(t, v, byKid("", rsaTwo()), "")
		verify(t, v, byKid("", rsaOne()), auth.CodeKeysUnavailable) // nothing was asked for its sake yet
		time.Sleep(15 * time.Second)
		verify(t, v, byKid("", rsaOne()), auth.CodeTokenInvalid)
	})
}

func TestTheMemoryOfUnknownKidsIsBoundedAndCorrect(t *testing.T) {
	o := &origin{latency: time.Second}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		verify(t, v, byKid("k", rsaOne()), "")
		var group sync.WaitGroup
		for i := range 200 {
			bad := byKid(fmt.Sprint("unknown-", i), p256())
			group.Go(func() { verify(t, v, bad, auth.CodeTokenInvalid) })
		}
		group.Wait()
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
		failures := strings.Count(logs.String(), "jwks could not be fetched")
		if o.fetches() < 1000 || failures < 8 || failures > 14 {
			t.Errorf("got %d lines for %d fetches", failures, o.fetches())
		}
		if got := strings.Count(logs.String(), "jwks loaded"); got != 1 {
			t.Errorf("got %d lines about loaded keys, want 1:\n%s", got, logs.String())
		}
		if got := strings.Count(logs.String(), "not https"); got != 1 {
			t.Errorf("got %d warnings about http, want 1", got)
		}
	})
}

func TestOverRealHTTPARotationIsFollowed(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("old", rsaOne()))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		_, _ = io.WriteString(w, o.body)
	}))
	defer server.Close()
	v := newVerifier(t, auth.Config{JWKSURL: server.URL})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = v.Run(ctx) })
	defer group.Wait()
	defer cancel()
	for v.Ready() != nil { // Run has no signal of its own for its start; Verify waits as soon as it has begun
		_, _ = v.Verify(ctx, byKid("old", rsaOne()))
	}
	verify(t, v, byKid("old", rsaOne()), "")
	o.serve(jwkOf("new", ed()), jwkOf("p", p256()))
	_, err := v.Verify(ctx, token("ES512", ed(), obj{"alg": "EdDSA", "kid": "new"}, obj{"accountId": "a", "exp": 4102444800}))
	wantCode(t, err, "")
	verify(t, v, byKid("p", p256()), "")
}
