package main

import (
	"testing"
	"time"
)

func TestBackoffWidensUpToItsLimit(t *testing.T) {
	b := backoff{first: 500 * time.Millisecond, most: 15 * time.Second, healthy: 10 * time.Second}
	widest := make([]time.Duration, 100)
	for range 200 {
		b.failures = 0
		for i := range widest {
			widest[i] = max(widest[i], b.next(0))
		}
	}
	limit := b.first
	for i, got := range widest {
		if got <= 0 || got > limit {
			t.Errorf("pause %d was up to %s, want up to %s", i, got, limit)
		}
		// 200 draws that all stay below half of their range: once in 2^200 runs.
		if got < limit/2 {
			t.Errorf("pause %d was never longer than %s, want up to %s", i, got, limit)
		}
		limit = min(2*limit, b.most)
	}
}

func TestBackoffForgetsFailuresAfterHealth(t *testing.T) {
	b := backoff{first: time.Millisecond, most: time.Hour, healthy: 10 * time.Second}
	for range 40 {
		b.next(9 * time.Second)
	}
	if pause := b.next(10 * time.Second); pause > time.Millisecond {
		t.Errorf("after a healthy connection the pause is %s", pause)
	}
}
