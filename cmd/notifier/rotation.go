package main

import (
	"slices"
	"time"
)

// maxRetired bounds how many replaced secrets stay good at a time: each is tried for every token that no other has signed.
const maxRetired = 8

// rotation are the shared secrets that are good: those of the settings, and for a while those that were replaced.
type rotation struct {
	configured []string
	retired    []retiredSecret // the oldest first
}

type retiredSecret struct {
	secret string
	until  time.Time
}

// turn takes new secrets from the settings; those that are no longer there stay good for the overlap. Without one, all that were replaced
// before end, too: that is what somebody does whose secret has leaked.
func (r *rotation) turn(configured []string, overlap time.Duration, now time.Time) {
	for _, secret := range r.configured {
		if !slices.Contains(configured, secret) {
			r.retired = append(r.retired, retiredSecret{secret, now.Add(overlap)})
		}
	}
	r.configured = configured
	r.retired = slices.DeleteFunc(r.retired, func(old retiredSecret) bool {
		return overlap == 0 || slices.Contains(configured, old.secret)
	})
	r.expire(now)
	r.retired = r.retired[max(0, len(r.retired)-maxRetired):]
}

// expire forgets the secrets whose time is over, and reports how many those were.
func (r *rotation) expire(now time.Time) int {
	before := len(r.retired)
	r.retired = slices.DeleteFunc(r.retired, func(old retiredSecret) bool { return !now.Before(old.until) })
	return before - len(r.retired)
}

// good are all secrets that are good now.
func (r *rotation) good() (secrets [][]byte) {
	for _, secret := range r.configured {
		secrets = append(secrets, []byte(secret))
	}
	for _, old := range r.retired {
		secrets = append(secrets, []byte(old.secret))
	}
	return secrets
}

// next is when the next secret ends; false: none does.
func (r *rotation) next() (at time.Time, ok bool) {
	for _, old := range r.retired {
		if !ok || old.until.Before(at) {
			at, ok = old.until, true
		}
	}
	return at, ok
}
