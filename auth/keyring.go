package auth

import (
	"context"
	"errors"
	"log/slog"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// refreshEvery is how long a withdrawn key stays good at most while its source answers. Spread by a tenth, so that daemons
	// do not ask together.
	refreshEvery = 5 * time.Minute
	// Retries after a failure: full jitter up to a bound that doubles from retryFirst to retryMost.
	retryFirst = time.Second
	retryMost  = time.Minute
	// askAgain is the least time between two fetches that tokens cause: anybody can write an unknown kid into a token.
	askAgain = 15 * time.Second
	// maxTries bounds the signatures that are computed for one token without a kid.
	maxTries = 16
	// maxAbsent bounds the memory of key ids that are known not to exist.
	maxAbsent = 64
)

// keySet is the result of one fetch. It is never changed.
type keySet struct {
	keys []publicKey
	at   time.Time
}

// keyring holds the keys of a JWKS URL and decides when they are fetched. All fetches are made by run, one at a time (and by
// refresh, for commands without a run); who waits for one waits for its end, not for a turn to make another. A failed fetch
// changes no key: whoever is logged in stays so through an outage, however long.
//
// jwk.Cache of the library is not used: it starts goroutines in its constructor, knows no unknown kid, and gives up the whole set
// for one key that it cannot read.
type keyring struct {
	fetch   func(context.Context) (keys []publicKey, ignored int, err error)
	log     *slog.Logger
	metrics Metrics

	loaded atomic.Pointer[keySet] // nil until the first success
	turn   chan struct{}          // holds a token while a fetch is under way
	ask    chan struct{}          // wakes run for a flight that somebody asked for

	mu       sync.Mutex
	running  bool
	flight   chan struct{}       // closed at the end of the fetch that is under way or asked for; nil: neither
	reopens  time.Time           // from when on a token may cause the next fetch
	failures int                 // since the last success
	absent   map[string]struct{} // the key ids that the loaded keys were fetched for in vain
}

func newKeyring(fetch func(context.Context) ([]publicKey, int, error), log *slog.Logger, metrics Metrics) *keyring {
	return &keyring{
		fetch: fetch, log: log, metrics: metrics,
		turn: make(chan struct{}, 1), ask: make(chan struct{}, 1),
		absent: make(map[string]struct{}),
	}
}

// run fetches at once, then when the keys grow old, after a failure, and when a token asks.
func (r *keyring) run(ctx context.Context) error {
	if !r.start() {
		return errors.New("keep jwks fresh: it is already being done")
	}
	defer r.stop()
	for {
		_ = r.refresh(ctx) // logged and counted there; the keys that we have stay
		timer := time.NewTimer(r.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-r.ask:
			timer.Stop()
		}
	}
}

func (r *keyring) start() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return false
	}
	r.running = true
	r.flight = make(chan struct{}) // who comes before the first fetch has begun waits for it
	return true
}

func (r *keyring) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = false
	r.land()
}

// land ends the flight. The caller holds mu.
func (r *keyring) land() {
	if r.flight != nil {
		close(r.flight)
		r.flight = nil
	}
	select {
	case <-r.ask:
	default:
	}
}

// refresh makes one fetch and lets those go on who wait for it.
func (r *keyring) refresh(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.mu.Lock()
	if r.flight == nil {
		r.flight = make(chan struct{})
	}
	r.mu.Unlock()

	keys, ignored, err := r.fetch(ctx)

	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.land()
	if ctx.Err() != nil {
		return context.Cause(ctx) // given up, which says nothing about the source
	}
	r.metrics.KeysRefreshed(err == nil)
	if err != nil {
		r.failed(ctx, err)
		return err
	}
	r.succeeded(ctx, keys, ignored)
	return nil
}

// failed reports the 1st, 2nd, 4th, 8th … failure in a row: an outage is no reason to fill a disk. The caller holds mu.
func (r *keyring) failed(ctx context.Context, err error) {
	r.failures++
	if bits.OnesCount(uint(r.failures)) == 1 {
		r.log.LogAttrs(ctx, slog.LevelWarn, "jwks_fetch_failed",
			slog.Any("error", err), slog.Int("failures", r.failures), slog.Int("keys", r.loaded.Load().size()))
	}
}

// succeeded puts the new keys in place. The caller holds mu.
func (r *keyring) succeeded(ctx context.Context, keys []publicKey, ignored int) {
	level := slog.LevelInfo
	if r.failures == 0 && r.loaded.Load().sameIDs(keys) {
		level = slog.LevelDebug
	}
	r.log.LogAttrs(ctx, level, "jwks_loaded",
		slog.Int("keys", len(keys)), slog.Int("ignored", ignored), slog.Int("failures", r.failures))
	r.failures = 0
	clear(r.absent)
	r.loaded.Store(&keySet{keys: keys, at: time.Now()})
}

// pause is the time until the next fetch that nobody asked for.
func (r *keyring) pause() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures == 0 {
		return refreshEvery - refreshEvery/10 + rand.N(refreshEvery/5) //nolint:gosec // jitter, no secret
	}
	most := retryMost
	if doublings := r.failures - 1; doublings < 6 {
		most = min(retryFirst<<doublings, retryMost)
	}
	// The tenth keeps a refused connection from being tried in a tight loop.
	return most/10 + rand.N(most) //nolint:gosec // jitter, no secret
}

// check verifies the signature of a token by the keys that are loaded. Only if none of them can be the one meant does it wait
// for a fetch: one that is under way (which may have begun before the key was published), and one more.
func (r *keyring) check(ctx context.Context, t *compact) *Error {
	waited := false
	for range 2 {
		if good, decided := r.loaded.Load().judge(t); decided {
			return verdict(good)
		}
		flight := r.join(waited)
		if flight == nil {
			return r.conclude(t.kid, waited)
		}
		select {
		case <-flight:
			waited = true
		case <-ctx.Done():
			return &Error{code: CodeKeysUnavailable, cause: "gave up waiting for keys", err: context.Cause(ctx)}
		}
	}
	if good, decided := r.loaded.Load().judge(t); decided {
		return verdict(good)
	}
	return r.conclude(t.kid, waited)
}

func verdict(good bool) *Error {
	if good {
		return nil
	}
	return errSignature
}

// join gives the end of the fetch that is under way, or of one that it causes, or nil if none may be caused now, or if the
// caller has just seen one fail.
func (r *keyring) join(waited bool) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if waited && r.failures > 0 {
		return nil
	}
	now := time.Now()
	if r.flight == nil && r.running && !now.Before(r.reopens) {
		r.flight = make(chan struct{})
		r.reopens = now.Add(askAgain)
		r.ask <- struct{}{} // never blocks: land has emptied it, and only the maker of a flight fills it
	}
	return r.flight
}

// conclude says what an unknown key means. It is held against the token if the source was heard to have no such key;
// otherwise the client shall come again, since its token may be the first one under a new key. A token without a kid names no
// key that could be unknown: the keys that there are did not sign it.
func (r *keyring) conclude(kid string, waited bool) *Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.loaded.Load() == nil:
		return errNeverLoaded
	case kid == "":
		return errSignature
	case r.failures > 0:
		return errKeysStale
	case waited:
		if len(r.absent) >= maxAbsent {
			clear(r.absent)
		}
		r.absent[kid] = struct{}{}
		return errUnknownKey
	case !r.running: // a command that has just loaded them
		return errUnknownKey
	}
	if _, ok := r.absent[kid]; ok {
		return errUnknownKey
	}
	return errKeysLimited
}

func (s *keySet) size() int {
	if s == nil {
		return 0
	}
	return len(s.keys)
}

// sameIDs tells whether a fetch brought nothing new that an operator would care about.
func (s *keySet) sameIDs(keys []publicKey) bool {
	return s != nil && slices.EqualFunc(s.keys, keys, func(a, b publicKey) bool { return a.kid == b.kid })
}

// judge tries the keys that a token may mean: those of its kid, and those without one where either side has none. The second
// result is false if another fetch could change the first.
func (s *keySet) judge(t *compact) (good, decided bool) {
	if s == nil {
		return false, false
	}
	tries := 0
	for i := range s.keys {
		key := &s.keys[i]
		if t.kid != "" && key.kid != "" {
			if key.kid != t.kid {
				continue
			}
			decided = true
		}
		if !key.fits(t.alg) || tries == maxTries {
			continue
		}
		tries++
		if t.alg.verify(t.signed, t.signature, key.material) {
			return true, true
		}
	}
	return false, decided
}
