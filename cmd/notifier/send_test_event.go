package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"notifier/cmd/notifier/ledger"
	"notifier/notifier"
)

const (
	testPatience = 5 * time.Second // for a test event to reach everybody
	testLook     = 50 * time.Millisecond
)

// testQuestion is POST /api/send-test.
type testQuestion struct {
	Account string `json:"account"`
}

// testReport is what became of it.
type testReport struct {
	Marker      string       `json:"marker"` // in the event's data, too
	Account     string       `json:"account"`
	Reached     bool         `json:"reached"`     // every connection of the account at every daemon was written it; also if there is none
	Connections int          `json:"connections"` // in whose queues it was put
	Event       *traceEvent  `json:"event"`       // null: it was not numbered in time
	Alone       bool         `json:"alone"`
	Daemons     []daemonTold `json:"daemons"`
}

func (d *daemon) serveSendTest(w http.ResponseWriter, r *http.Request) {
	var q testQuestion
	if !readAPIBody(w, r, &q) {
		return
	}
	if q.Account == "" || len(q.Account) > maxAppointmentID {
		http.Error(w, "name an account by its id", http.StatusBadRequest)
		return
	}
	report, err := d.sendTest(r.Context(), q.Account)
	if err != nil {
		d.cannotAsk(w, r, err)
		return
	}
	say(w, report, nil)
}

// sendTest writes a test event and follows it until it has arrived everywhere, or its time is over.
func (d *daemon) sendTest(ctx context.Context, account string) (testReport, error) {
	report := testReport{Marker: "test-" + rand.Text(), Account: account}
	if err := notifier.SendTest(ctx, d.pool, account, report.Marker); err != nil {
		return testReport{}, err
	}
	ask := d.askAll // daemons that began a moment ago, too
	for pause, until := testLook, time.Now().Add(testPatience); ; pause = min(2*pause, time.Second) {
		trace, err := d.traceOf(ctx, report.Marker, ask)
		if err != nil {
			return testReport{}, err
		}
		report.take(trace)
		if report.Reached || time.Now().After(until) {
			return report, nil
		}
		ask = d.askKnown
		select {
		case <-ctx.Done():
			return testReport{}, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// take judges what was found of the event.
func (r *testReport) take(trace traceReport) {
	r.Alone, r.Daemons, r.Event, r.Reached, r.Connections = trace.Alone, trace.Daemons, nil, false, 0
	if len(trace.Events) == 0 {
		return
	}
	r.Event, r.Reached = &trace.Events[0], true
	for _, told := range trace.Daemons {
		r.Reached = r.Reached && told.Error == ""
	}
	for _, d := range r.Event.Daemons {
		r.Connections += d.Members
		r.Reached = r.Reached && d.hasReached()
	}
}

// hasReached reports whether a daemon has brought an event to all that were connected to it. Of who was dropped that is not known: he may have left, or had
// it in his replay, or been evicted. A daemon that began after the event has nobody to bring it to: who came since then started behind it.
func (d traceDaemon) hasReached() bool {
	switch d.State {
	case ledger.Published:
		return d.PublishedAt != nil && d.Sent.Written == int64(d.Members) && len(d.Evicted) == 0
	case ledger.Nobody, ledger.Before:
		return true
	}
	return false
}
