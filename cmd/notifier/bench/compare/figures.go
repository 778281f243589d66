package main

import (
	"math"

	"notifier/cmd/notifier/bench"
)

// figure is one number that counts of a workload. Less is better.
type figure struct {
	workload string
	name     string
	unit     string
	of       func(r bench.Report) float64 // NaN: not measured

	ratio  float64            // ours ÷ floor is to be at most this; 0: no target
	most   map[string]float64 // ours is to be at most this, by contender
	behind float64            // the NestJS gateway ÷ ours is to be at least this; 0: nothing is promised
}

// figures are what the README promises, and what is of interest beside it.
func figures() []figure {
	backIn := map[string]float64{ourPlain: 1.5, ourSocketIO: 1.5}
	return []figure{
		{workload: "W1", name: "CPU of an event", unit: "ms", of: server(perEvent), ratio: 1.4, behind: 2},
		{workload: "W1", name: "COMMIT to screen, p50", unit: "ms", of: func(r bench.Report) float64 { return r.Latency.P50 }, ratio: 2},
		{workload: "W2", name: "CPU of a million deliveries", unit: "s", of: server(perMillion), ratio: 1.15, behind: 2},
		{workload: "W3", name: "CPU of a million deliveries", unit: "s", of: server(perMillion), ratio: 0.8, behind: 4},
		{workload: "W3", name: "PostgreSQL's CPU of an event", unit: "ms", of: database(perEvent), ratio: 0.8},
		{workload: "W3", name: "memory, at most", unit: "MB", of: server(func(u bench.Usage) float64 { return float64(u.PeakRSS) / 1e6 })},
		{
			workload: "W4", name: "memory of a socket", unit: "kB", of: server(func(u bench.Usage) float64 { return u.RSSPerConn / 1e3 }),
			most: map[string]float64{ourPlain: 9, ourSocketIO: 10},
		},
		{workload: "W5", name: "last delivery after", unit: "ms", of: func(r bench.Report) float64 { return r.Latency.Max }, ratio: 0.6},
		{workload: "W5", name: "CPU of a million deliveries", unit: "s", of: server(perMillion), ratio: 0.5, behind: 5},
		{workload: "W6", name: "CPU of a socket", unit: "µs", of: server(func(u bench.Usage) float64 { return u.CPUPerConn }), ratio: 1.5, behind: 10},
		{workload: "W6", name: "all back after", unit: "s", of: func(r bench.Report) float64 { return r.Seconds }, most: backIn},
	}
}

func perEvent(u bench.Usage) float64   { return u.CPUPerEvent }
func perMillion(u bench.Usage) float64 { return u.CPUPerMillion }

func server(of func(bench.Usage) float64) func(bench.Report) float64 {
	return func(r bench.Report) float64 { return measured(r.Server, of) }
}

func database(of func(bench.Usage) float64) func(bench.Report) float64 {
	return func(r bench.Report) float64 { return measured(r.Postgres, of) }
}

func measured(u *bench.Usage, of func(bench.Usage) float64) float64 {
	if u == nil {
		return math.NaN()
	}
	return of(*u)
}

// limit is what the contender may have at most where the floor has so much; NaN where it is promised nothing.
func (f figure) limit(contender string, floor float64) float64 {
	switch most, found := f.most[contender]; {
	case found:
		return most
	case f.ratio > 0 && (contender == ourPlain || contender == ourSocketIO):
		return f.ratio * floor
	}
	return math.NaN()
}
