package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
)

// results are all that was measured, in the order in which it was.
type results struct {
	At      time.Time   `json:"at"`
	Quick   bool        `json:"quick,omitempty"` // too short to mean anything
	Machine rig.Machine `json:"machine"`
	Rounds  int         `json:"rounds"`
	Runs    []run       `json:"runs"`
}

// run is one workload of one contender.
type run struct {
	Contender string       `json:"contender"`
	Round     int          `json:"round"` // from 1
	Report    bench.Report `json:"report"`
	Fault     string       `json:"fault,omitempty"` // why there is no report
}

// value is the median of a figure of a contender; NaN if it was not measured.
func (r results) value(contender string, f figure) float64 {
	var values []float64
	for _, run := range r.Runs {
		if run.Contender == contender && run.Report.Workload == f.workload && run.Fault == "" {
			values = append(values, f.of(run.Report))
		}
	}
	return median(values)
}

// median is the middle, or between the two in the middle.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// contenders are those that were measured, in their order.
func (r results) contenders() (there []contender) {
	for _, c := range contenders() {
		if slices.ContainsFunc(r.Runs, func(run run) bool { return run.Contender == c.name }) {
			there = append(there, c)
		}
	}
	return there
}

// figures are those that were measured.
func (r results) figures() (there []figure) {
	for _, f := range figures() {
		if slices.ContainsFunc(r.Runs, func(run run) bool { return run.Report.Workload == f.workload }) {
			there = append(there, f)
		}
	}
	return there
}

// deliveries are counted over all runs of a contender.
type deliveries struct{ all, lost, doubled, misrouted int64 }

func (r results) deliveries(contender string) (d deliveries) {
	for _, run := range r.Runs {
		if run.Contender == contender {
			d.all += run.Report.Deliveries
			d.lost += run.Report.Lost
			d.doubled += run.Report.Doubled
			d.misrouted += run.Report.Misrouted
		}
	}
	return d
}

// faults are runs that came to no report, and losses of ours.
func (r results) faults() error {
	var faults []error
	for _, run := range r.Runs {
		if run.Fault != "" {
			faults = append(faults, fmt.Errorf("%s of %s, round %d: %s", run.Report.Workload, run.Contender, run.Round, run.Fault))
		}
	}
	for _, contender := range []string{ourPlain, ourSocketIO} {
		if d := r.deliveries(contender); d.lost+d.doubled+d.misrouted > 0 {
			faults = append(faults, fmt.Errorf("%s: %d lost, %d doubled, %d misrouted", contender, d.lost, d.doubled, d.misrouted))
		}
	}
	return errors.Join(faults...)
}
