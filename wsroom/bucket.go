package wsroom

import "time"

// Of a client that has next to nothing to say (an auth message, a renewal, pongs) the bucket lets through bucketSize frames at once and then
// bucketRate a second. Frames, not messages: a message may consist of any number of them, and each costs the work of one.
const (
	bucketSize = 20
	bucketRate = 5
)

// Bucket counts frames that leak out. The zero value is empty. For one goroutine.
type Bucket struct {
	level float32
	at    time.Duration
}

// Take adds a frame at this instant, counted from any beginning, and reports whether it still fits into a bucket of this size that leaks at this
// rate per second.
func (b *Bucket) Take(now time.Duration, size, rate float32) bool {
	leaked := float32((now - b.at).Seconds()) * rate
	b.at = now
	b.level = max(0, b.level-leaked) + 1
	return b.level <= size
}
