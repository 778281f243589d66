package main

import (
	"errors"
	"fmt"
	"time"

	"notifier/cmd/notifier/bench/rig"
)

// results are everything that was measured, in the order in which it was.
type results struct {
	At      time.Time     `json:"at"`
	Quick   bool          `json:"quick,omitempty"` // too short to mean anything
	Machine rig.Machine   `json:"machine"`
	Runs    []measurement `json:"runs"`
	Ladder  []rung        `json:"ladder"`
}

// of are the runs of a series that suit all conditions.
func (r results) of(series string, conditions ...func(measurement) bool) (runs []measurement) {
next:
	for _, run := range r.Runs {
		if run.Series != series {
			continue
		}
		for _, suits := range conditions {
			if !suits(run) {
				continue next
			}
		}
		runs = append(runs, run)
	}
	return runs
}

func by(protocol string) func(measurement) bool {
	return func(m measurement) bool { return m.Report.Protocol == protocol }
}

func at(rate float64) func(measurement) bool {
	return func(m measurement) bool { return m.Rate == rate }
}

// faults are losses: what something costs that does not work is of no interest.
func (r results) faults() error {
	var faults []error
	for _, run := range r.Runs {
		if !run.Report.Good() {
			faults = append(faults, fmt.Errorf("%s, %d daemons: %d lost, %d doubled, %d misrouted",
				run.Series, run.Daemons, run.Report.Lost, run.Report.Doubled, run.Report.Misrouted))
		}
	}
	for _, rung := range r.Ladder {
		if rung.Lost != 0 {
			faults = append(faults, fmt.Errorf("%.0f events a second: %d lost", rung.Asked, rung.Lost))
		}
	}
	return errors.Join(faults...)
}
