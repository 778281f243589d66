package traces

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

// The keys are those of deploy/README.md. None of them ever holds more than ids and numbers.
const (
	keyEvent       = attribute.Key("notifier.event.id")
	keyAppointment = attribute.Key("notifier.appointment.id")
	keyAccount     = attribute.Key("notifier.account.id")
	keyMembers     = attribute.Key("notifier.members")
	keyPending     = attribute.Key("notifier.sockets.pending")
	keyBatch       = attribute.Key("notifier.batch.events")
	keyOutcome     = attribute.Key("notifier.release.outcome")
	keyProtocol    = attribute.Key("notifier.protocol")
	keyWritten     = attribute.Key("notifier.sockets.written")
	keyDropped     = attribute.Key("notifier.sockets.dropped")
)

// part is a span below an event's.
type part struct {
	step
	name  string
	first time.Time // zero: no such moment inside of it
	attrs []attribute.KeyValue
}

// emit makes a passage's spans, if there is room for all of them.
func (t *Tracer) emit(p *passage) {
	parts := p.steps()
	if !t.exporter.reserve(1 + len(parts)) {
		t.drop(p)
		return
	}
	t.onTheirWay.Add(-1)
	ctx, root := t.spans.Start(context.Background(), "deliver "+p.event.Name, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithTimestamp(p.wall(p.changed)), trace.WithAttributes(keyEvent.String(p.event.Cursor.String()), keyMembers.Int(p.members),
			keyAppointment.String(p.event.Appointment), keyAccount.String(p.event.Account)))
	for _, part := range parts {
		_, span := t.spans.Start(ctx, part.name, trace.WithTimestamp(p.wall(part.began)), trace.WithAttributes(part.attrs...))
		if !part.first.IsZero() {
			span.AddEvent("first", trace.WithTimestamp(p.wall(part.first)))
		}
		span.End(trace.WithTimestamp(p.wall(part.ended)))
	}
	if p.expired.Load() {
		root.SetAttributes(keyPending.Int64(max(0, p.due.Load())))
		root.SetStatus(codes.Error, "some sockets did not take it in time")
	}
	root.End(trace.WithTimestamp(p.wall(p.end())))
}

// wall is a moment by the wall clock as it was when the event was published: whoever sets the clock meanwhile changes no order.
func (p *passage) wall(at time.Time) time.Time {
	return p.publish.began.Round(0).Add(max(at.Sub(p.publish.began), p.changed.Sub(p.publish.began)))
}

// end is the last socket's write.
func (p *passage) end() time.Time {
	end := p.publish.ended
	for _, w := range p.writes {
		if last := w.began.Add(time.Duration(w.last.Load())); last.After(end) {
			end = last
		}
	}
	return end
}

// steps are the parts of a passage, in their order. What many events did together is in the trace of each.
func (p *passage) steps() []part {
	var parts []part
	numbered := p.read.began
	if p.pumped.last != 0 {
		numbered = p.pumped.began
	}
	parts = append(parts, part{name: "staging", step: step{p.changed, latest(p.changed, numbered)}})
	if p.pumped.last != 0 {
		count := int(p.pumped.last - p.pumped.after)
		parts = append(parts, part{name: "pump", step: p.pumped.step, attrs: []attribute.KeyValue{keyBatch.Int(count)}})
	}
	if r, ok := p.tracer.released(p.event.Cursor.Seq); ok && !r.ended.After(p.end()) {
		parts = append(parts, part{name: "release", step: r.step, attrs: []attribute.KeyValue{keyOutcome.String(r.outcome)}})
	}
	parts = append(parts,
		part{name: "read", step: p.read.step, attrs: []attribute.KeyValue{keyBatch.Int(p.read.events)}},
		part{name: "load", step: p.loaded.step, attrs: []attribute.KeyValue{keyBatch.Int(p.loaded.events)}},
		part{name: "publish", step: p.publish, attrs: []attribute.KeyValue{keyMembers.Int(p.members)}})
	for _, w := range p.writes {
		parts = append(parts, w.part())
	}
	return parts
}

func (w *write) part() part {
	result := part{name: "write", step: step{w.began, w.began.Add(time.Duration(w.last.Load()))}, attrs: []attribute.KeyValue{
		keyProtocol.String(w.protocol), keyWritten.Int64(w.written.Load()), keyDropped.Int64(w.dropped.Load()),
	}}
	if first := w.first.Load(); first != 0 {
		result.first = w.began.Add(time.Duration(first))
	}
	return result
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// newResource says who tells: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word.
func newResource(ctx context.Context, version string) (*resource.Resource, error) {
	r, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "notifier"), attribute.String("service.version", version),
		attribute.String("service.instance.id", rand.Text())), resource.WithFromEnv())
	if err != nil {
		return nil, errors.New("OTEL_RESOURCE_ATTRIBUTES is not a list of key=value") // its value may be anything
	}
	return r, nil
}
