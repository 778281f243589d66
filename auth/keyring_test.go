package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"notifier/auth"
)

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

func TestAKidIsRememberedAsUnknownOnlyUntilTheNextFetch(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		soon := byKid("soon", rsaTwo())
		verify(t, v, soon, auth.CodeTokenInvalid)
		time.Sleep(15 * time.Second)
		verify(t, v, byKid("unknown", p256()), auth.CodeTokenInvalid)
		o.serve(jwkOf("k", rsaOne()), jwkOf("soon", rsaTwo()))
		verify(t, v, soon, auth.CodeKeysUnavailable)
		time.Sleep(15 * time.Second)
		verify(t, v, soon, "")
	})
}

func TestASlowJWKSDelaysNoTokenOfAKnownKid(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("k", rsaOne()))
	bubble(t, o, func(t *testing.T, v *auth.Verifier, _ *counted) {
		o.set(func(o *origin) { o.latency = time.Hour })
		unknown, known, shared := byKid("unknown", p256()), byKid("k", rsaOne()), hs(obj{"accountId": 1, "exp": int64(4102444800)})
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
		verify(t, v, byKid("", rsaOne()), auth.CodeTokenInvalid)
		if got := o.fetches(); got != 2 {
			t.Errorf("got %d fetches, want 2", got)
		}
		time.Sleep(15 * time.Second)
		o.serve(jwkOf("", rsaOne()))
		verify(t, v, byKid("", rsaOne()), "")
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

func TestOverRealHTTPARotationIsFollowed(t *testing.T) {
	o := &origin{}
	o.serve(jwkOf("old", rsaOne()))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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
	_, err := v.Verify(ctx, token("ES512", ed(), obj{"alg": "EdDSA", "kid": "new"}, obj{"accountId": "a", "exp": int64(4102444800)}))
	wantCode(t, err, "")
	verify(t, v, byKid("p", p256()), "")
}
