package traces

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// spansWaiting bounds what is held for the collector: some 10 MB while it is away.
	spansWaiting = 8192
	// flushTime is what the collector has when the daemon ends.
	flushTime = 2 * time.Second
	// tellEvery is how often a failing export may appear in the log.
	tellEvery = time.Minute
	// tracesPath is where OTLP has traces, below the endpoint.
	tracesPath = "/v1/traces"
)

// exporter counts what it sends, so that nothing has to be dropped in the SDK's queue, and tells of errors.
type exporter struct {
	sdktrace.SpanExporter
	metrics Metrics
	log     *slog.Logger
	waiting atomic.Int64
	stopped chan struct{} // closed when nothing will be exported any more

	mu       sync.Mutex
	told     time.Time
	untold   int
	toldOnce bool // since it worked last
}

func newExporter(ctx context.Context, cfg Config) (*exporter, error) {
	e := &exporter{metrics: cfg.Metrics, log: cfg.Logger, stopped: make(chan struct{})}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { e.failed(err, 0) }))
	otel.SetLogger(logr.FromSlogHandler(sdkLog{slog.DiscardHandler, cfg.Logger}))
	endpoint := strings.TrimSuffix(strings.TrimSuffix(cfg.Endpoint, "/"), tracesPath) + tracesPath
	var err error
	e.SpanExporter, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	return e, err
}

// reserve makes room for a trace's spans, or says that there is none.
func (e *exporter) reserve(spans int) bool {
	if e.waiting.Add(int64(spans)) > spansWaiting {
		e.waiting.Add(int64(-spans))
		return false
	}
	return true
}

// ExportSpans implements sdktrace.SpanExporter. Its errors end here.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	e.waiting.Add(int64(-len(spans)))
	if err != nil {
		e.metrics.Spans("failed", len(spans))
		e.failed(err, len(spans))
		return nil
	}
	e.metrics.Spans("exported", len(spans))
	e.worked()
	return nil
}

// Shutdown implements sdktrace.SpanExporter: the SDK calls it when it is done.
func (e *exporter) Shutdown(ctx context.Context) error {
	defer close(e.stopped)
	return e.SpanExporter.Shutdown(ctx)
}

func (e *exporter) failed(err error, spans int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if !e.told.IsZero() && now.Sub(e.told) < tellEvery {
		e.untold++
		return
	}
	e.log.LogAttrs(context.Background(), slog.LevelWarn, "trace_export_failed", slog.String("error", cause(err)),
		slog.Int("spans", spans), slog.Int("unlogged_before", e.untold))
	e.told, e.untold, e.toldOnce = now, 0, true
}

func (e *exporter) worked() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.toldOnce {
		e.log.LogAttrs(context.Background(), slog.LevelInfo, "trace_export_recovered")
		e.toldOnce = false
	}
}

// cause is an error without what the collector has written into its answer, which may be anything, and without the URL, which is a setting.
func cause(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		err = fmt.Errorf("%s: %w", strings.ToLower(request.Op), request.Err)
	}
	text, _, _ := strings.Cut(err.Error(), "body: ")
	return strings.TrimRight(text, " (:")
}

// sdkLog has the SDK say that something is wrong with a variable OTEL_…, and not what its value is: it may be a secret.
type sdkLog struct {
	slog.Handler
	log *slog.Logger
}

// Enabled implements slog.Handler.
func (h sdkLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

// Handle implements slog.Handler.
func (h sdkLog) Handle(ctx context.Context, record slog.Record) error {
	h.log.LogAttrs(ctx, slog.LevelWarn, "trace_setting_ignored", slog.String("detail", record.Message))
	return nil
}

// WithAttrs implements slog.Handler.
func (h sdkLog) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h sdkLog) WithGroup(string) slog.Handler { return h }

// Run makes spans until ctx ends, and then gives the collector two seconds for the last. It returns nil.
func (t *Tracer) Run(ctx context.Context) error {
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(t.resource), sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithBatcher(t.exporter, sdktrace.WithMaxQueueSize(spansWaiting)))
	t.spans = provider.Tracer("notifier")
	for {
		select {
		case p := <-t.ended:
			t.emit(p)
		case <-ctx.Done():
			t.finish(context.WithoutCancel(ctx), provider)
			return nil
		}
	}
}

var errFlushTimeout = errors.New("the collector did not take the last spans in time")

func (t *Tracer) finish(ctx context.Context, provider *sdktrace.TracerProvider) {
	for len(t.ended) > 0 {
		t.emit(<-t.ended)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, flushTime, errFlushTimeout)
	defer cancel()
	if err := provider.Shutdown(ctx); err != nil {
		_ = t.exporter.SpanExporter.Shutdown(ctx) // interrupts what is under way, of which ExportSpans tells
	}
	<-t.exporter.stopped
}
