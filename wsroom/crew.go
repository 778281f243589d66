package wsroom

import (
	"sync"

	"notifier/wsroom/socket"
)

// crew writes for all members of a hub: as many hands as there are processors, which exist while there is something to write. A hand never
// blocks: it writes what the kernel takes at once, which is nearly always everything, and leaves a connection that takes less to a goroutine
// of its own. So a slow client costs a goroutine, and a quick one not even the start of one.
type crew struct {
	mu      sync.Mutex
	jobs    []*Writer // a ring
	head    int
	n       int
	working int
	size    int // hands at most
}

// call is how many jobs a hand takes at a time: under load the lock is taken for a few together.
const call = 16

// add gives the crew a writer with something to write.
func (c *crew) add(w *Writer) {
	c.mu.Lock()
	if c.n == len(c.jobs) {
		c.grow()
	}
	c.jobs[(c.head+c.n)&(len(c.jobs)-1)] = w
	c.n++
	start := c.working < c.size
	if start {
		c.working++
	}
	c.mu.Unlock()
	if start {
		go c.work()
	}
}

func (c *crew) grow() {
	jobs := make([]*Writer, max(64, 2*len(c.jobs)))
	k := copy(jobs, c.jobs[c.head:])
	copy(jobs[k:], c.jobs[:c.head])
	c.jobs, c.head = jobs, 0
}

// take moves up to len(dst) jobs, or dismisses the hand.
func (c *crew) take(dst []*Writer) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(c.n, len(dst))
	for i := range n {
		dst[i] = c.jobs[c.head]
		c.jobs[c.head] = nil
		c.head = (c.head + 1) & (len(c.jobs) - 1)
	}
	if c.n -= n; n == 0 {
		c.working--
	}
	return n
}

// work is one hand.
func (c *crew) work() {
	h := hands.Get().(*hand)
	defer hands.Put(h)
	var mine [call]*Writer
	for {
		n := c.take(mine[:])
		if n == 0 {
			return
		}
		for i, w := range mine[:n] {
			mine[i] = nil
			w.turn(h)
		}
	}
}

// hand is what writing takes: messages in hand, who follows them, the buffer in which several become one write, and the attempt.
type hand struct {
	messages []*Message
	traces   Traces
	buf      []byte
	attempt  *socket.Attempt
}

// A batch is what goes out in one write. Beyond 64 KiB nothing is gained, and a client that reads slowly is given the rest bit by bit.
const (
	batchMessages = 128
	batchBytes    = 64 << 10
)

var hands = sync.Pool{New: func() any {
	return &hand{messages: make([]*Message, 0, batchMessages), buf: make([]byte, 0, batchBytes), attempt: socket.NewAttempt()}
}}

// join returns the frames of the messages one after the other. One message is its own frame, the bytes that all members share; several are copied
// together (writev was no faster, and the net package keeps the vector, up to 16 KiB, for every connection that it was used on).
func (h *hand) join(messages []*Message) []byte {
	if len(messages) == 1 {
		return messages[0].frame
	}
	h.buf = h.buf[:0]
	for _, m := range messages {
		h.buf = append(h.buf, m.frame...)
	}
	return h.buf
}
