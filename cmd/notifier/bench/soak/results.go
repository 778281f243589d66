package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
)

// results are everything that was measured.
type results struct {
	At        time.Time                 `json:"at"`
	Machine   string                    `json:"machine"`
	Options   recordedOptions           `json:"options"`
	Seconds   float64                   `json:"seconds"` // of load
	Settled   float64                   `json:"settled"` // when everybody had everything, and left
	Unsettled string                    `json:"unsettled,omitempty"`
	Findings  *findings                 `json:"findings"`
	Count     bench.Count               `json:"count"`
	Latency   bench.Latency             `json:"latencyMs"` // from COMMIT to socket, absences and outages included
	Before    []vitals                  `json:"before"`    // of the daemons, without sockets
	After     []vitals                  `json:"after"`
	Warnings  map[string]map[string]int `json:"warnings"` // of each daemon's log, by message
	Marks     []mark                    `json:"marks"`
	Samples   []sample                  `json:"samples"`
}

// recordedOptions are those that say what a soak was.
type recordedOptions struct {
	Conns      int     `json:"conns"`
	Accounts   int     `json:"accounts"`
	Rate       float64 `json:"rate"`
	For        string  `json:"for"`
	FaultEvery string  `json:"faultEvery"`
	Stay       string  `json:"stay"`
	Away       string  `json:"away"`
}

func (o options) recorded() recordedOptions {
	return recordedOptions{o.conns, o.accounts, o.rate, short(o.during), short(o.faultEvery), short(o.stay), short(o.away)}
}

// short is a duration without minutes and seconds that are 0.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// judge reads what there is to compare, once it is at rest.
func (r *results) judge(ctx context.Context, s *site, streams []bench.Stream) error {
	log, err := s.log(ctx)
	if err != nil {
		return err
	}
	r.Findings = judge(log, s.crowd.Sent(), streams)
	if r.Findings.Unreleased, err = s.unreleased(ctx); err != nil {
		return err
	}
	r.Warnings = make(map[string]map[string]int)
	for _, d := range s.daemons {
		r.Warnings[d.name] = d.complaints.all()
	}
	return nil
}

// verdict is an error if anything was wrong, or stayed behind.
func (r *results) verdict() error {
	var faults []error
	if wrong := r.Findings.wrong(); wrong > 0 {
		faults = append(faults, fmt.Errorf("%d things went wrong with events", wrong))
	}
	if r.Unsettled != "" {
		faults = append(faults, errors.New(r.Unsettled))
	}
	for i, after := range r.After {
		if before := r.Before[i]; !after.back(before) {
			faults = append(faults, fmt.Errorf("the %s daemon kept %d goroutines and %d descriptors when everybody had left; it began with %d and %d",
				daemonNames[i], after.Goroutines, after.Files, before.Goroutines, before.Files))
		}
	}
	return errors.Join(faults...)
}

func readResults(path string) (*results, error) {
	var r results
	if err := rig.ReadResults(path, &r); err != nil {
		return nil, err
	}
	if r.Findings == nil || len(r.Before) != len(daemonNames) || len(r.After) != len(daemonNames) {
		return nil, fmt.Errorf("read results: %s is of no soak", path)
	}
	return &r, nil
}
