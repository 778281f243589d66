package ledger

import (
	"sort"
	"time"
)

// recent is a map of so many keys: a new one takes the place of the oldest.
type recent[K comparable, V any] struct {
	values    map[K]V
	keys      []K // a ring
	next      int
	forgotten K // the last key that was
	forgot    bool
}

func newRecent[K comparable, V any](most int) recent[K, V] {
	return recent[K, V]{values: make(map[K]V), keys: make([]K, 0, most)}
}

func (r *recent[K, V]) get(key K) (V, bool) {
	value, known := r.values[key]
	return value, known
}

func (r *recent[K, V]) put(key K, value V) {
	if _, known := r.values[key]; !known {
		if len(r.keys) < cap(r.keys) {
			r.keys = append(r.keys, key)
		} else {
			r.forgotten, r.forgot = r.keys[r.next], true
			delete(r.values, r.forgotten)
			r.keys[r.next] = key
			r.next = (r.next + 1) % len(r.keys)
		}
	}
	r.values[key] = value
}

// stretches are parts of the log in its order, and when something was done with each.
type stretches struct {
	most  int
	list  []stretch // that follow each other, and may have gaps between them
	began int64     // what is before was never here
	since int64     // what is before was never here, or is forgotten
}

type stretch struct {
	after, last int64
	at          time.Time
	rung        bool // see notifier.Tracer.Pumped
}

// begin has all that was noted forgotten: the log goes on after seq.
func (s *stretches) begin(seq int64) { s.list, s.began, s.since = nil, seq, seq }

// last is up to where there are any.
func (s *stretches) last() int64 {
	if len(s.list) == 0 {
		return s.since
	}
	return s.list[len(s.list)-1].last
}

// cut has what was noted after seq forgotten: the log went back.
func (s *stretches) cut(seq int64) {
	keep := sort.Search(len(s.list), func(i int) bool { return s.list[i].last > seq })
	if keep < len(s.list) && s.list[keep].after < seq {
		s.list[keep].last = seq
		keep++
	}
	s.list = s.list[:keep]
}

// add notes a stretch. If it does not come after the last, what was noted of that part no longer holds.
func (s *stretches) add(next stretch) {
	s.cut(next.after)
	s.list = append(s.list, next)
	if len(s.list) > s.most {
		half := len(s.list) / 2
		s.since = s.list[half-1].last
		s.list = append(s.list[:0], s.list[half:]...)
	}
}

// find is the stretch that seq is in.
func (s *stretches) find(seq int64) (in stretch, found bool) {
	i := sort.Search(len(s.list), func(i int) bool { return s.list[i].last >= seq })
	if i == len(s.list) || s.list[i].after >= seq {
		return stretch{}, false
	}
	return s.list[i], true
}
