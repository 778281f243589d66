package main

import (
	"math/rand/v2"
	"time"
)

// backoff spreads reconnects: after each failure in a row the pause is drawn from a range twice as
// wide (full jitter: clients that were cut together do not come back together). A connection that was
// healthy for a while ends the row, so that a blink after a good day is answered at once.
type backoff struct {
	first   time.Duration // widest first pause
	most    time.Duration // widest pause of all
	healthy time.Duration // a connection that lived this long counts as good

	failures int
}

// next is the pause after a connection that lived for so long.
func (b *backoff) next(lived time.Duration) time.Duration {
	if lived >= b.healthy {
		b.failures = 0
	}
	widest := b.most
	if b.failures < 32 { // beyond, the shift could overflow
		widest = min(b.first<<b.failures, b.most)
	}
	b.failures++
	return rand.N(widest) + 1 //nolint:gosec // a pause, no secret
}
