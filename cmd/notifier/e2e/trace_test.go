package e2e

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"notifier/sql/pgtest"
)

const collectorToken = "collector-token-c0ffee"

func TestATraceFollowsAnEventFromItsRowToTheLastSocket(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20"+collectorToken)
	to := newCollector(t)
	db := clinic(t)
	book(db, 1, 1, 1)
	book(db, 2, 2, 1)
	p := serveReady(t, db, "--otlp-endpoint", to.URL)
	first, _ := join(t, p.addr, "1", "")
	second, _ := join(t, p.addr, "1", "")
	stock := joinPolling(t, p.addr)
	began := time.Now()
	finish(db, 2) // nobody of account 2 is here
	finish(db, 1)
	id := first.event().ID
	second.event()
	if answer := stock.ask(http.MethodGet, ""); !strings.HasPrefix(answer, "42[") {
		t.Errorf("the client that polls got %s", answer)
	}

	to.await(1)
	if err := p.stop(); err != nil { // flushes what there is
		t.Fatal(err)
	}
	traces := to.await(1)
	if len(traces) != 1 {
		t.Fatalf("%d traces, want one: nobody waits for the other event", len(traces))
	}
	one := traces[0]
	if want := []string{"staging", "pump", "release", "read", "load", "publish", "write", "write"}; !slices.Equal(one.names(), want) {
		t.Fatalf("the spans are %v, want %v", one.names(), want)
	}
	assertOrder(t, one, began)
	got := attributes(one.root.GetAttributes())
	if one.root.GetName() != "deliver appointmnents.finished" || got["notifier.event.id"] != id || got["notifier.appointment.id"] != "1" ||
		got["notifier.account.id"] != "1" || got["notifier.members"] != int64(3) {
		t.Errorf("the root is %s with %v", one.root.GetName(), got)
	}
	if release := attributes(one.children[2].GetAttributes()); release["notifier.release.outcome"] != "released" {
		t.Errorf("release has %v", release)
	}
	written := map[any]any{}
	for _, span := range one.children[6:] {
		said := attributes(span.GetAttributes())
		written[said["notifier.protocol"]] = said["notifier.sockets.written"]
		if len(span.GetEvents()) != 1 || span.GetEvents()[0].GetName() != "first" {
			t.Errorf("write has the events %v, want first", span.GetEvents())
		}
	}
	if written["ws"] != int64(2) || written["socketio"] != int64(1) {
		t.Errorf("written to %v, want 2 of ws and 1 of socketio", written)
	}
	resource := attributes(to.resource)
	if resource["service.name"] != "notifier" || resource["service.version"] == nil || resource["service.instance.id"] == nil {
		t.Errorf("the resource is %v", resource)
	}
	assertTraceIsPrivate(t, to, p)
}

// polling is a client of Socket.IO without a WebSocket.
type polling struct {
	t   *testing.T
	url string
}

func joinPolling(t *testing.T, addr string) polling {
	t.Helper()
	c := polling{t, "http://" + addr + "/socket.io/?EIO=4&transport=polling"}
	c.url += "&sid=" + textBetween([]byte(c.ask(http.MethodGet, "")), `"sid":"`, `"`)
	c.ask(http.MethodPost, `40{"token":"`+token(t, "1")+`"}`)
	if answer := c.ask(http.MethodGet, ""); !strings.HasPrefix(answer, "40{") {
		t.Fatalf("not connected: %s", answer)
	}
	return c
}

func (c polling) ask(method, body string) string {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// assertOrder checks that the spans are children of the root, inside of it, and begin one after the other.
func assertOrder(t *testing.T, one traced, notBefore time.Time) {
	t.Helper()
	// The beginning is as exact as half a round trip to the database: a little before the test is possible.
	if begin := time.Unix(0, int64(one.root.GetStartTimeUnixNano())); begin.Before(notBefore.Add(-time.Second)) || begin.After(time.Now()) {
		t.Errorf("trace %s begins at %v, the test at %v", one.id(), begin, notBefore)
	}
	last := one.root
	for _, span := range one.children {
		switch {
		case string(span.GetParentSpanId()) != string(one.root.GetSpanId()):
			t.Errorf("%s is no child of the root", span.GetName())
		case span.GetStartTimeUnixNano() < last.GetStartTimeUnixNano():
			t.Errorf("%s begins before %s", span.GetName(), last.GetName())
		case span.GetEndTimeUnixNano() < span.GetStartTimeUnixNano(), span.GetEndTimeUnixNano() > one.root.GetEndTimeUnixNano():
			t.Errorf("%s ends before it begins, or after the root", span.GetName())
		}
		if span.GetName() != "release" { // it runs beside what follows it here
			last = span
		}
	}
	if one.root.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("the trace is an error: %s", one.root.GetStatus().GetMessage())
	}
}

func assertTraceIsPrivate(t *testing.T, to *collector, p *process) {
	t.Helper()
	sent := to.raw.String()
	for _, secret := range []string{e2eSecret, "eyJ", "João", "Maria Souza", "99999", "Victor", "Tireoide"} {
		if strings.Contains(sent, secret) {
			t.Errorf("the collector was told %q", secret)
		}
	}
	if !strings.Contains(sent, collectorToken) {
		t.Error("the collector was not given its own token")
	}
	if strings.Contains(p.logs.text(), collectorToken) {
		t.Error("the log contains the collector's token")
	}
	assertPrivate(t, p.logs.text())
}

func TestWithoutAnEndpointNothingIsSent(t *testing.T) {
	to := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.URL) // a platform's, not ours
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	db := clinic(t)
	book(db, 1, 1, 1)
	p := serveReady(t, db)
	screen, _ := join(t, p.addr, "1", "")
	finish(db, 1)
	screen.event()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if to.requests != 0 {
		t.Errorf("the collector was asked %d times", to.requests)
	}
}

// Both collectors are as bad as the other: one is not there, one takes the request and never answers.
func TestACollectorThatDoesNotAnswerHoldsNothingUp(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := nobody.Addr().String()
	_ = nobody.Close() // the port is free, and nobody answers
	asked := make(chan struct{}, 100)
	mute := http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mute.Serve(listener) }()
	t.Cleanup(func() { _ = mute.Close() })
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")

	const events = 200
	db := clinic(t)
	book(db, 1, 1, events)
	missing := serveReady(t, db, "--otlp-endpoint", "http://"+away)
	silent := serveReady(t, db, "--otlp-endpoint", "http://"+listener.Addr().String())
	a, _ := join(t, missing.addr, "1", "")
	b, _ := join(t, silent.addr, "1", "")
	db.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 6`)
	for range events {
		a.event()
		b.event()
	}
	failed := missing.logs.await(t, "trace_export_failed")
	if cause, _ := failed["error"].(string); cause == "" || strings.Contains(cause, "http://") {
		t.Errorf("the cause is %q, want one without the URL", cause)
	}
	<-asked
	for _, p := range []*process{missing, silent} {
		began := time.Now()
		if err := p.stop(); err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
		// 100 ms of drain, 2 s for the collector; what is more is the machine, and far below the exporter's own 10 s and minute.
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("the daemon took %v to end", took)
		}
	}
	if n := strings.Count(missing.logs.text(), "trace_export_failed"); n != 1 {
		t.Errorf("the failure was told %d times, want once", n)
	}
}
