package wsroom

import "time"

// A client has next to nothing to say: an auth message, a renewal, pongs. The bucket lets through bucketSize frames at once and then bucketRate
// a second. Frames, not messages: a message may consist of any number of them, and each costs the work of one.
const (
	bucketSize = 20
	bucketRate = 5
)

// bucket counts frames that leak out at bucketRate. The zero value is empty. For one goroutine.
type bucket struct {
	level float32
	at    time.Duration
}

// take adds a frame at this instant and reports whether it still fits.
func (b *bucket) take(now time.Duration) bool {
	leaked := float32((now - b.at).Seconds() * bucketRate)
	b.at = now
	b.level = max(0, b.level-leaked) + 1
	return b.level <= bucketSize
}
