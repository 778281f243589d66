package wsroom

import "sync"

// queue is a ring of messages that holds no memory while it is empty: an idle member is one nil pointer here, and the rings of busy ones
// come from and go back to a pool.
type queue struct {
	ring *ring
}

// ring is a power of two of slots.
type ring struct {
	slots []*Message
	head  int
	n     int
}

const (
	ringStart = 8
	ringKeep  = 64 // what grew beyond this in a burst is left to the garbage collector
)

var rings = sync.Pool{New: func() any { return &ring{slots: make([]*Message, ringStart)} }}

func (q *queue) len() int {
	if q.ring == nil {
		return 0
	}
	return q.ring.n
}

func (q *queue) push(m *Message) {
	if q.ring == nil {
		q.ring = rings.Get().(*ring)
	}
	r := q.ring
	if r.n == len(r.slots) {
		r.grow()
	}
	r.slots[(r.head+r.n)&(len(r.slots)-1)] = m
	r.n++
}

// front returns the oldest message; the queue must not be empty.
func (q *queue) front() *Message { return q.ring.slots[q.ring.head] }

// pop drops the oldest message; the queue must not be empty.
func (q *queue) pop() {
	r := q.ring
	r.slots[r.head] = nil
	r.head = (r.head + 1) & (len(r.slots) - 1)
	if r.n--; r.n == 0 {
		q.release()
	}
}

// drop is pop for a message that nobody will write.
func (q *queue) drop() {
	q.front().drop()
	q.pop()
}

func (q *queue) clear() {
	if q.ring == nil {
		return
	}
	for r := q.ring; r.n > 0; r.n-- {
		r.slots[r.head].drop()
		r.head = (r.head + 1) & (len(r.slots) - 1)
	}
	clear(q.ring.slots)
	q.release()
}

// release gives an empty ring back.
func (q *queue) release() {
	r := q.ring
	q.ring = nil
	if len(r.slots) <= ringKeep {
		r.head, r.n = 0, 0
		rings.Put(r)
	}
}

func (r *ring) grow() {
	slots := make([]*Message, 2*len(r.slots))
	k := copy(slots, r.slots[r.head:])
	copy(slots[k:], r.slots[:r.head])
	r.slots, r.head = slots, 0
}
