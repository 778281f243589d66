package e2e

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is an OTLP receiver over HTTP.
type collector struct {
	*httptest.Server
	t        testing.TB
	mu       sync.Mutex
	raw      bytes.Buffer // everything that came, also headers
	requests int
	resource []*commonpb.KeyValue
	spans    []*tracepb.Span
	more     chan struct{}
}

func newCollector(t testing.TB) *collector {
	c := &collector{t: t, more: make(chan struct{})}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	body, err := io.ReadAll(r.Body)
	var request collectorpb.ExportTraceServiceRequest
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		c.t.Errorf("%s %s with %d bytes, %v: not OTLP", r.Method, r.URL.Path, len(body), err)
		return
	}
	c.raw.Write(body)
	_ = r.Header.Write(&c.raw) // into memory
	for _, resource := range request.GetResourceSpans() {
		c.resource = resource.GetResource().GetAttributes()
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	close(c.more)
	c.more = make(chan struct{})
}

// traced is one trace as a reader sees it.
type traced struct {
	root     *tracepb.Span
	children []*tracepb.Span
}

// await returns the traces as soon as there are n with a root.
func (c *collector) await(n int) []traced {
	c.t.Helper()
	timeout := time.After(e2ePatience)
	for {
		c.mu.Lock()
		traces, more := assemble(c.spans), c.more
		c.mu.Unlock()
		if len(traces) >= n {
			return traces
		}
		select {
		case <-more:
		case <-timeout:
			c.t.Fatalf("%d traces came, want %d", len(traces), n)
		}
	}
}

// assemble sorts spans into traces whose roots have come; children come before.
func assemble(spans []*tracepb.Span) []traced {
	var traces []traced
	for _, root := range spans {
		if len(root.GetParentSpanId()) > 0 {
			continue
		}
		one := traced{root: root}
		for _, span := range spans {
			if bytes.Equal(span.GetTraceId(), root.GetTraceId()) && span != root {
				one.children = append(one.children, span)
			}
		}
		traces = append(traces, one)
	}
	return traces
}

func (tr traced) id() string { return hex.EncodeToString(tr.root.GetTraceId()) }

func (tr traced) names() []string {
	var names []string
	for _, span := range tr.children {
		names = append(names, span.GetName())
	}
	return names
}

// attributes are what a span or a resource says, numbers as int64.
func attributes(list []*commonpb.KeyValue) map[string]any {
	values := make(map[string]any)
	for _, attribute := range list {
		switch value := attribute.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			values[attribute.GetKey()] = value.StringValue
		case *commonpb.AnyValue_IntValue:
			values[attribute.GetKey()] = value.IntValue
		}
	}
	return values
}
