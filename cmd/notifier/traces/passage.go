package traces

import (
	"sync/atomic"
	"time"

	"notifier/notifier"
	"notifier/wsroom"
)

// passage is one event on its way. The feed fills it in until it is published; from then on only the counters change.
type passage struct {
	tracer  *Tracer
	event   notifier.Event
	changed time.Time // the row, by our clock
	pumped  pumped    // zero: another daemon did it
	read    batch
	loaded  batch
	publish step
	members int
	writes  []*write // one for each protocol

	due     atomic.Int64 // sockets that are waited for; publishing until their number is known
	over    atomic.Bool
	expired atomic.Bool
	timer   *time.Timer
}

// publishing keeps a passage from being over while more sockets may come to be waited for.
const publishing = 1 << 40

// write is what the sockets of one protocol did. It implements wsroom.Trace.
type write struct {
	passage     *passage
	protocol    string
	began       time.Time
	written     atomic.Int64
	dropped     atomic.Int64
	first, last atomic.Int64 // since began, in nanoseconds; 0: none yet
}

var _ wsroom.Trace = (*write)(nil)

// write is called by the feed's goroutine, while publishing.
func (p *passage) write(protocol string) *write {
	for _, w := range p.writes {
		if w.protocol == protocol {
			return w
		}
	}
	w := &write{passage: p, protocol: protocol, began: time.Now()}
	p.writes = append(p.writes, w)
	return w
}

func (p *passage) published(members int) {
	p.publish.ended = time.Now()
	p.members = members
	p.timer = time.AfterFunc(p.tracer.patience, p.expire)
	p.settle(publishing - int64(members))
}

// Written implements wsroom.Trace, as Dropped does.
func (w *write) Written(at time.Time) {
	elapsed := max(1, int64(at.Sub(w.began)))
	for first := w.first.Load(); (first == 0 || elapsed < first) && !w.first.CompareAndSwap(first, elapsed); {
		first = w.first.Load()
	}
	for last := w.last.Load(); elapsed > last && !w.last.CompareAndSwap(last, elapsed); {
		last = w.last.Load()
	}
	w.written.Add(1)
	w.passage.settle(1)
}

func (w *write) Dropped() {
	w.dropped.Add(1)
	w.passage.settle(1)
}

// Evicted implements wsroom.Trace: who was not counted is not waited for.
func (w *write) Evicted(string) {}

// settle takes n off what is waited for.
func (p *passage) settle(n int64) {
	if p.due.Add(-n) == 0 && p.over.CompareAndSwap(false, true) {
		p.timer.Stop()
		p.tracer.end(p)
	}
}

// expire ends a passage that somebody's socket keeps from its end.
func (p *passage) expire() {
	if p.over.CompareAndSwap(false, true) {
		p.expired.Store(true)
		p.tracer.end(p)
	}
}
