package main

import (
	"testing"
	"time"

	"notifier/cmd/notifier/ledger"
)

func TestATestEventHasReachedOnlyWhomItWasWrittenTo(t *testing.T) {
	now := time.Now()
	published := func(members int, written, dropped int64) traceDaemon {
		return traceDaemon{"a", ledger.Facts{
			State: ledger.Published, PublishedAt: &now, Members: members, Sent: ledger.Sent{Written: written, Dropped: dropped},
		}}
	}
	evicted := published(1, 1, 0)
	evicted.Evicted = []string{"a.7"}
	for name, test := range map[string]struct {
		daemon traceDaemon
		told   daemonTold
		want   bool
	}{
		"written to all":      {published(2, 2, 0), daemonTold{}, true},
		"one still waits":     {published(2, 1, 0), daemonTold{}, false},
		"one was dropped":     {published(1, 0, 1), daemonTold{}, false},
		"one was evicted":     {evicted, daemonTold{}, false},
		"nobody is here":      {traceDaemon{"a", ledger.Facts{State: ledger.Nobody}}, daemonTold{}, true},
		"not read yet":        {traceDaemon{"a", ledger.Facts{State: ledger.Unread}}, daemonTold{}, false},
		"a daemon is missing": {published(2, 2, 0), daemonTold{Error: "it did not answer in time"}, false},
	} {
		var r testReport
		r.take(traceReport{Events: []traceEvent{{Daemons: []traceDaemon{test.daemon}}}, Daemons: []daemonTold{test.told}})
		if r.Reached != test.want {
			t.Errorf("%s: reached is %v", name, r.Reached)
		}
	}
	var r testReport
	if r.take(traceReport{}); r.Reached {
		t.Error("reached, and there is no event")
	}
}
