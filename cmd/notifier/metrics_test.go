package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// An alert on increase() sees the first failure only if the series was there before.
func TestEverySeriesBeginsAtZero(t *testing.T) {
	m := newMetrics()
	source, err := os.ReadFile("../../wsroom/codes.go")
	if err != nil {
		t.Fatal(err)
	}
	endings := regexp.MustCompile(`(?:ending|silent)\((\d{4}),`).FindAllSubmatch(source, -1)
	if len(endings) < 10 {
		t.Fatalf("%d endings are found in wsroom/codes.go: the search is wrong", len(endings))
	}
	for _, ending := range endings {
		if code, _ := strconv.Atoi(string(ending[1])); !slices.Contains(closeCodes, code) {
			t.Errorf("close code %d is not among those that begin at 0", code)
		}
	}
	before := series(t, m)
	if before < 40 {
		t.Errorf("%d series of counters at the start, want all of them", before)
	}
	for _, add := range []func(){
		func() { m.Handled("nobody") }, func() { m.BellHeard("event") }, func() { m.Released("was_free") }, func() { m.Delivered("socketio", 1) },
		func() { m.Evicted("bytes") }, func() { m.Closed(4408) }, func() { m.Replayed("refused") }, func() { m.Refused("waiting") },
		func() { m.peerRequests.WithLabelValues("unknown").Inc() }, func() { m.moves.WithLabelValues("failed").Inc() }, func() { m.KeysRefreshed(false) },
		func() { m.logLines.WithLabelValues("warn").Inc() },
	} {
		add()
	}
	if after := series(t, m); after != before {
		t.Errorf("%d series of counters at the start, and %d after some events", before, after)
	}
}

// series counts those of counters of ours.
func series(t *testing.T, m *metrics) (n int) {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), metricsPrefix) && strings.HasSuffix(family.GetName(), "_total") {
			n += len(family.GetMetric())
		}
	}
	return n
}
