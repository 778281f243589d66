package main

import "testing"

func TestSeriesOfAMetricAreAddedUp(t *testing.T) {
	t.Parallel()
	got := parseMetrics([]byte(`# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 26
notifier_connections{protocol="plain ws"} 10
notifier_connections{protocol="socketio"} 1.2e+1

nonsense
`))
	want := map[string]float64{"go_goroutines": 26, "notifier_connections": 22}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
}
