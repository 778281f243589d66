package traces

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	"notifier/notifier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tally counts spans.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) Spans(outcome string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[outcome] += n
}

func (c *tally) get(outcome string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[outcome]
}

// kept is an exporter that keeps spans, or fails.
type kept struct {
	spans []sdktrace.ReadOnlySpan
	err   error
}

func (k *kept) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	k.spans = append(k.spans, spans...)
	return k.err
}
func (k *kept) Shutdown(context.Context) error { return nil }

func newTracer(t *testing.T, to sdktrace.SpanExporter) (*Tracer, *tally, *bytes.Buffer) {
	t.Helper()
	metrics, log := &tally{counts: map[string]int{}}, &bytes.Buffer{}
	tracer, err := New(t.Context(), Config{
		Endpoint: "http://127.0.0.1:1", Ratio: 1, Version: "test", Metrics: metrics, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if to != nil {
		tracer.exporter.SpanExporter = to
	}
	return tracer, metrics, log
}

// tell is an event from pump to publication, to members of "ws"; the caller writes it to them.
func tell(tracer *Tracer, seq int64, members int) *write {
	now := time.Now()
	event := notifier.Event{Cursor: notifier.Cursor{Epoch: 1, Seq: seq}, Kind: notifier.KindAppointment, Account: "1", Appointment: "2", Name: "ended"}
	tracer.Pumped(seq-1, seq, true, now)
	tracer.Read(0, 1, now, 0)
	tracer.Loaded(1, now)
	tracer.Publishing(event, time.Millisecond)
	w, _ := tracer.Trace(event.Cursor.String(), "ws").(*write)
	tracer.Published(members)
	return w
}

// runToEnd has a tracer work off what it has, as at shutdown.
func runToEnd(t *testing.T, tracer *Tracer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tracer.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestASocketThatDoesNotTakeItKeepsNoTraceOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &kept{}
		tracer, _, _ := newTracer(t, to)
		w := tell(tracer, 1, 3)
		w.Written(time.Now())
		w.Dropped()
		time.Sleep(patience - time.Millisecond)
		synctest.Wait()
		if len(tracer.ended) != 0 {
			t.Fatal("the trace ended while there was time")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		w.Written(time.Now()) // late: it ends nothing twice
		runToEnd(t, tracer)
		if len(to.spans) != 7 {
			t.Fatalf("%d spans, want 7", len(to.spans))
		}
		if root := to.spans[6]; root.Parent().IsValid() || root.Status().Description == "" {
			t.Errorf("the root is %s with status %+v, want an error", root.Name(), root.Status())
		}
		if n := tracer.onTheirWay.Load(); n != 0 {
			t.Errorf("%d are still on their way", n)
		}
	})
}

func TestWhatFindsNoRoomIsDroppedAsAWholeAndCounted(t *testing.T) {
	to := &kept{}
	tracer, metrics, _ := newTracer(t, to)
	tracer.exporter.waiting.Store(spansWaiting - 13) // the collector is slow: there is room for one
	for seq := range int64(2) {
		tell(tracer, seq+1, 1).Written(time.Now())
	}
	runToEnd(t, tracer)
	if len(to.spans) != 7 || metrics.get("exported") != 7 || metrics.get("dropped") != 7 {
		t.Errorf("%d spans, and counted %v, want 7 exported and 7 dropped", len(to.spans), metrics.counts)
	}
	tracer.onTheirWay.Store(mostOnTheirWay)
	if w := tell(tracer, 3, 1); w != nil || metrics.get("dropped") <= 7 {
		t.Error("more are followed than there is room for")
	}
}

func TestTheEventsThatAreFollowedAreAShare(t *testing.T) {
	tracer, _, _ := newTracer(t, &kept{})
	for _, test := range []struct {
		ratio       float64
		least, most int
	}{{0, 0, 0}, {0.5, 300, 700}, {1, 1000, 1000}} {
		tracer.ratio = test.ratio
		followed := 0
		for seq := range int64(1000) {
			if w := tell(tracer, seq+1, 1); w != nil {
				followed++
				w.Dropped()
				tracer.onTheirWay.Store(0)
			}
		}
		if followed < test.least || followed > test.most {
			t.Errorf("ratio %v: %d of 1000 followed", test.ratio, followed)
		}
	}
	for len(tracer.ended) > 0 {
		<-tracer.ended
	}
}

func TestAnEventThatFoundNobodyHasNoTrace(t *testing.T) {
	to := &kept{}
	tracer, _, _ := newTracer(t, to)
	tell(tracer, 1, 0)
	runToEnd(t, tracer)
	if len(to.spans) != 0 || tracer.onTheirWay.Load() != 0 {
		t.Errorf("%d spans, %d on their way, want none", len(to.spans), tracer.onTheirWay.Load())
	}
}

func TestAReleaseIsInTheTraceOfItsEventOnly(t *testing.T) {
	to := &kept{}
	tracer, _, _ := newTracer(t, to)
	for seq := range int64(releasesKept + 2) {
		tracer.Released(seq+1, "released", time.Now())
	}
	if len(tracer.releases) > releasesKept {
		t.Errorf("%d releases are remembered", len(tracer.releases))
	}
	tell(tracer, releasesKept+2, 1).Written(time.Now())
	tell(tracer, releasesKept+3, 1).Written(time.Now())
	runToEnd(t, tracer)
	var names []string
	for _, span := range to.spans {
		names = append(names, span.Name())
	}
	want := "staging pump release read load publish write deliver ended staging pump read load publish write deliver ended"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("the spans are %s, want %s", got, want)
	}
}

func TestAFailingExportIsToldOnceAMinuteAndWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &kept{err: errors.New("refused")}
		tracer, metrics, log := newTracer(t, to)
		export := func() { _ = tracer.exporter.ExportSpans(t.Context(), make([]sdktrace.ReadOnlySpan, 2)) }
		for range 5 {
			export()
		}
		time.Sleep(tellEvery)
		export()
		if n := strings.Count(log.String(), "trace_export_failed"); n != 2 || !strings.Contains(log.String(), "unlogged_before=4") {
			t.Errorf("told %d times, want twice, and of the 4 in between: %s", n, log)
		}
		to.err = nil
		export()
		export()
		if n := strings.Count(log.String(), "trace_export_recovered"); n != 1 || metrics.get("failed") != 12 || metrics.get("exported") != 4 {
			t.Errorf("recovered %d times, counted %v", n, metrics.counts)
		}
	})
}

// What a collector answers, and what is in a variable that cannot be read, may be a secret.
func TestTheLogHasNeitherAnswersNorVariables(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "geheim")
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "your token was geheim", http.StatusUnauthorized)
	}))
	t.Cleanup(collector.Close)
	log := &bytes.Buffer{}
	tracer, err := New(t.Context(), Config{
		Endpoint: collector.URL + "/base/", Ratio: 1, Metrics: &tally{counts: map[string]int{}}, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	tell(tracer, 1, 1).Written(time.Now())
	runToEnd(t, tracer)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if got := log.String(); strings.Contains(got, "geheim") || !strings.Contains(got, "401 Unauthorized") || !strings.Contains(got, "trace_setting_ignored") {
		t.Errorf("the log is %s", got)
	}
}

func TestACollectorThatNeverAnswersHasTwoSecondsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &stuck{interrupted: make(chan struct{})}
		tracer, metrics, _ := newTracer(t, to)
		tell(tracer, 1, 1).Written(time.Now())
		began := time.Now()
		runToEnd(t, tracer)
		if took := time.Since(began); took != flushTime || metrics.get("failed") != 7 {
			t.Errorf("the end took %v, and counted %v", took, metrics.counts)
		}
	})
}

// stuck is an exporter that blocks until it is shut down, as that of OTLP does.
type stuck struct {
	once        sync.Once
	interrupted chan struct{}
}

func (s *stuck) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	<-s.interrupted
	return errors.New("interrupted")
}

func (s *stuck) Shutdown(context.Context) error {
	s.once.Do(func() { close(s.interrupted) })
	return nil
}
