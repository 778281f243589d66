package main

import (
	"context"
	"log/slog"
	"time"

	"notifier/cmd/notifier/ledger"
	"notifier/cmd/notifier/traces"
	"notifier/notifier"
	"notifier/wsroom"
)

// newTraces follows events if there is a collector to tell; otherwise it is nil.
func newTraces(ctx context.Context, s traceSettings, metrics *metrics, log *slog.Logger) (*traces.Tracer, error) {
	if s.otlpEndpoint == "" {
		return nil, nil
	}
	return traces.New(ctx, traces.Config{
		Endpoint: s.otlpEndpoint, Ratio: s.traceRatio, Version: thisBuild().version, Metrics: metrics, Logger: log,
	})
}

// tracer is both: whom the feed tells and whom the rooms tell.
type tracer interface {
	notifier.Tracer
	wsroom.Tracer
}

// followers are told of each event: the ledger, and the traces if there are any.
func followers(l *ledger.Ledger, t *traces.Tracer) tracer {
	if t == nil {
		return l
	}
	return both{l, t}
}

// both tells two.
type both struct{ one, other tracer }

func (b both) Began(seq int64) {
	b.one.Began(seq)
	b.other.Began(seq)
}

func (b both) Pumped(after, last int64, rung bool, began time.Time) {
	b.one.Pumped(after, last, rung, began)
	b.other.Pumped(after, last, rung, began)
}

func (b both) Released(seq int64, outcome string, began time.Time) {
	b.one.Released(seq, outcome, began)
	b.other.Released(seq, outcome, began)
}

func (b both) Settled(seq int64) {
	b.one.Settled(seq)
	b.other.Settled(seq)
}

func (b both) Read(after, last int64, began time.Time, ahead time.Duration) {
	b.one.Read(after, last, began, ahead)
	b.other.Read(after, last, began, ahead)
}

func (b both) Loaded(events int, began time.Time) {
	b.one.Loaded(events, began)
	b.other.Loaded(events, began)
}

func (b both) Publishing(event notifier.Event, age time.Duration) {
	b.one.Publishing(event, age)
	b.other.Publishing(event, age)
}

func (b both) Published(members int) {
	b.one.Published(members)
	b.other.Published(members)
}

func (b both) Trace(id, protocol string) wsroom.Trace {
	return traceBoth(b.one.Trace(id, protocol), b.other.Trace(id, protocol))
}

func (b both) Replaying(id, conn string) wsroom.Trace {
	return traceBoth(b.one.Replaying(id, conn), b.other.Replaying(id, conn))
}

// tracedTwice is one event that both follow.
type tracedTwice struct{ one, other wsroom.Trace }

func traceBoth(one, other wsroom.Trace) wsroom.Trace {
	switch {
	case one == nil:
		return other
	case other == nil:
		return one
	}
	return tracedTwice{one, other}
}

func (t tracedTwice) Written(at time.Time) {
	t.one.Written(at)
	t.other.Written(at)
}

func (t tracedTwice) Dropped() {
	t.one.Dropped()
	t.other.Dropped()
}

func (t tracedTwice) Evicted(conn string) {
	t.one.Evicted(conn)
	t.other.Evicted(conn)
}
