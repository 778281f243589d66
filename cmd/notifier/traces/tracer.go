// Package traces follows events from COMMIT to the sockets and sends what it saw to a collector, as OpenTelemetry traces: one for
// each event that somebody at this daemon waits for.
//
// While an event is on its way only times are noted down, in the goroutines that carry it. Its spans are made when all is over,
// by Run, and sent by the SDK's batch processor. Nobody waits for either: what does not fit is dropped, whole traces at a time, and counted.
//
//	tracer.go  what the feed and the rooms tell; which events are followed
//	passage.go one event on its way
//	spans.go   what becomes of it
//	export.go  how that gets to the collector
package traces

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"notifier/notifier"
	"notifier/wsroom"
)

const (
	// patience is how long the sockets have. A client that does not read may hold a queue for hours.
	patience = 10 * time.Second
	// mostOnTheirWay bounds the passages that are not over, and those that wait for their spans.
	mostOnTheirWay = 4096
	mostEnded      = 1024
	// releasesKept is how many outcomes are remembered for events that are still to be published.
	releasesKept = 1024
)

// Metrics are told what becomes of spans. They must not block.
type Metrics interface {
	// Spans: so many were exported, failed (the collector did not take them) or dropped (there was no room for them).
	Spans(outcome string, n int)
}

// Config says where to and how much.
type Config struct {
	Endpoint string  // of the collector, as OTEL_EXPORTER_OTLP_ENDPOINT has it
	Ratio    float64 // of the events, 0 to 1
	Version  string  // of this program
	Metrics  Metrics
	Logger   *slog.Logger
}

// Tracer implements notifier.Tracer and wsroom.Tracer. Make it with New; Run does the work.
type Tracer struct {
	ratio    float64
	patience time.Duration
	metrics  Metrics
	log      *slog.Logger
	exporter *exporter
	resource *resource.Resource
	spans    trace.Tracer // Run's own

	onTheirWay atomic.Int64
	ended      chan *passage

	// The feed's goroutine's own, as it goes along.
	pumped       pumped
	read, loaded batch
	current      *passage // nil: not followed

	mu       sync.Mutex
	releases map[int64]release
	recent   [releasesKept]int64 // a ring of their keys
	next     int
}

var (
	_ notifier.Tracer = (*Tracer)(nil)
	_ wsroom.Tracer   = (*Tracer)(nil)
)

// New prepares a tracer. It connects to nobody.
func New(ctx context.Context, cfg Config) (*Tracer, error) {
	t := &Tracer{
		ratio: cfg.Ratio, patience: patience, metrics: cfg.Metrics, log: cfg.Logger,
		ended: make(chan *passage, mostEnded), releases: make(map[int64]release),
	}
	var err error
	if t.exporter, err = newExporter(ctx, cfg); err != nil {
		return nil, fmt.Errorf("prepare traces: %w", err)
	}
	if t.resource, err = newResource(ctx, cfg.Version); err != nil {
		return nil, fmt.Errorf("prepare traces: %w", err)
	}
	return t, nil
}

// step is a time from and to, by our clock.
type step struct{ began, ended time.Time }

func since(began time.Time) step { return step{began, time.Now()} }

// pumped is the last pump of this daemon that found something.
type pumped struct {
	step
	after, last int64
}

// batch is a step that many events took together.
type batch struct {
	step
	events int
}

type release struct {
	step
	outcome string
}

// Pumped implements notifier.Tracer.
func (t *Tracer) Pumped(after, last int64, _ bool, began time.Time) {
	t.pumped = pumped{since(began), after, last}
}

// Began implements notifier.Tracer.
func (t *Tracer) Began(int64) {}

// Settled implements notifier.Tracer.
func (t *Tracer) Settled(int64) {}

// Read implements notifier.Tracer.
func (t *Tracer) Read(after, last int64, began time.Time, _ time.Duration) {
	t.read = batch{since(began), int(last - after)}
}

// Loaded implements notifier.Tracer.
func (t *Tracer) Loaded(events int, began time.Time) { t.loaded = batch{since(began), events} }

// Released implements notifier.Tracer.
func (t *Tracer) Released(seq int64, outcome string, began time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.releases, t.recent[t.next])
	t.recent[t.next] = seq
	t.next = (t.next + 1) % len(t.recent)
	t.releases[seq] = release{since(began), outcome}
}

// Publishing implements notifier.Tracer.
func (t *Tracer) Publishing(event notifier.Event, age time.Duration) {
	t.current = nil
	if t.ratio < 1 && rand.Float64() >= t.ratio { //nolint:gosec // a sample, not a secret
		return
	}
	p := &passage{tracer: t, event: event, read: t.read, loaded: t.loaded}
	if seq := event.Cursor.Seq; t.pumped.after < seq && seq <= t.pumped.last {
		p.pumped = t.pumped
	}
	p.publish.began = time.Now()
	p.changed = p.publish.began.Add(-age)
	p.due.Store(publishing)
	if t.onTheirWay.Add(1) > mostOnTheirWay {
		t.drop(p)
		return
	}
	t.current = p
}

// Trace implements wsroom.Tracer.
func (t *Tracer) Trace(id, protocol string) wsroom.Trace {
	if t.current == nil || t.current.event.Cursor.String() != id {
		return nil
	}
	return t.current.write(protocol)
}

// Replaying implements wsroom.Tracer: what somebody missed is not followed.
func (t *Tracer) Replaying(string, string) wsroom.Trace { return nil }

// Published implements notifier.Tracer.
func (t *Tracer) Published(members int) {
	p := t.current
	t.current = nil
	switch {
	case p == nil:
	case members == 0:
		t.onTheirWay.Add(-1) // the last one has just left
	default:
		p.published(members)
	}
}

// end hands a passage that is over to Run.
func (t *Tracer) end(p *passage) {
	select {
	case t.ended <- p:
	default:
		t.drop(p)
	}
}

// drop gives a passage up before it has spans, of which it would have had as many.
func (t *Tracer) drop(p *passage) {
	t.onTheirWay.Add(-1)
	t.metrics.Spans("dropped", 1+len(p.steps()))
}

// released is what is known of an event's release.
func (t *Tracer) released(seq int64) (release, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.releases[seq]
	return r, ok
}
