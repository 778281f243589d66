package bench

import (
	"sync/atomic"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// score is what arrived. Its writer is the swarm's goroutine; sent is called by those who update.
type score struct {
	clinic  *clinic
	stamps  []atomic.Int64 // of each appointment, when its COMMIT was about to be sent
	latency *hdrhistogram.Histogram

	deliveries atomic.Int64 // counted once
	last       atomic.Int64 // when
	doubled    atomic.Int64
	misrouted  atomic.Int64
	bytes      int64
}

// Latencies are kept in microseconds, to three digits, up to ten minutes.
const maxLatency = 600_000_000

func newScore(c *clinic) *score {
	return &score{clinic: c, stamps: make([]atomic.Int64, c.count()), latency: hdrhistogram.New(1, maxLatency, 3)}
}

// sent says that the COMMIT for an appointment is about to be sent. Of several the first counts: it may have succeeded without an answer.
func (s *score) sent(index int, now int64) { s.stamps[index].CompareAndSwap(0, now) }

// delivered takes an event's appointment.
func (s *score) delivered(c *client, id int64, size int, now int64) {
	index, account, slot := s.clinic.find(id)
	if index < 0 || account != c.account {
		s.misrouted.Add(1)
		return
	}
	if c.seen == nil {
		c.seen = make([]uint64, (s.clinic.each+63)/64)
	}
	if c.seen[slot/64]&(1<<(slot%64)) != 0 {
		s.doubled.Add(1)
		return
	}
	c.seen[slot/64] |= 1 << (slot % 64)
	s.bytes += int64(size)
	if stamp := s.stamps[index].Load(); stamp > 0 {
		_ = s.latency.RecordValue(min(max((now-stamp)/1000, 1), maxLatency)) // within its bounds
	}
	s.last.Store(now)
	s.deliveries.Add(1)
}

// summary is for when the swarm is at rest.
func (s *score) summary() Latency {
	at := func(q float64) float64 { return float64(s.latency.ValueAtQuantile(q)) / 1000 }
	return Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(s.latency.Max()) / 1000}
}
