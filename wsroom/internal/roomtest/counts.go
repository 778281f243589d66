package roomtest

import (
	"bytes"
	"fmt"
	"sync"
)

// Counts are a wsroom.Metrics that can be asked: "joined ws", "closed 1012", "replayed complete".
type Counts struct {
	mu sync.Mutex
	n  map[string]int
}

// Add counts n more.
func (c *Counts) Add(key string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[key] += n
}

// Get is one of them.
func (c *Counts) Get(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[key]
}

// Joined implements wsroom.Metrics, as the others do.
func (c *Counts) Joined(protocol string) { c.Add("joined "+protocol, 1) }

// Left counts "left".
func (c *Counts) Left(protocol string) { c.Add("left "+protocol, 1) }

// Delivered counts "delivered".
func (c *Counts) Delivered(protocol string, n int) { c.Add("delivered "+protocol, n) }

// Evicted counts "evicted".
func (c *Counts) Evicted(cause string) { c.Add("evicted "+cause, 1) }

// Closed counts "closed".
func (c *Counts) Closed(code int) { c.Add(fmt.Sprintf("closed %d", code), 1) }

// Replayed counts "replayed".
func (c *Counts) Replayed(outcome string) { c.Add("replayed "+outcome, 1) }

// Refused counts "refused".
func (c *Counts) Refused(limit string) { c.Add("refused "+limit, 1) }

// ClientEventDropped counts "dropped".
func (c *Counts) ClientEventDropped() { c.Add("dropped", 1) }

// Record is a log that can be read while it is written.
type Record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (r *Record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

// String is what was logged so far.
func (r *Record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// String is all of them, for a test that fails.
func (c *Counts) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.n)
}
