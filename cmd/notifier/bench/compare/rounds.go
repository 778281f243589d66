package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
)

// runPatience bounds one run: the slowest takes a minute.
const runPatience = 5 * time.Minute

var errRunPatience = errors.New("the run took too long")

// plan is what is to be measured.
type plan struct {
	contenders []contender
	workloads  []bench.Workload
	rounds     int
	sources    int // see bench.Target
}

// measure runs each workload of each contender once in every round; the contenders take turns. A run that fails is noted and the others go on.
func (p plan) measure(ctx context.Context, b builds, lab *lab, progress io.Writer) (runs []run, err error) {
	for _, c := range p.contenders {
		if err := lab.open(ctx, c); err != nil {
			return nil, err
		}
	}
	for round := range p.rounds {
		for _, w := range p.workloads {
			for _, c := range p.contenders {
				began := time.Now()
				this := run{Contender: c.name, Round: round + 1, Report: bench.Report{Workload: w.Name, Protocol: c.protocol}}
				report, err := p.once(ctx, b, lab, c, w)
				if ctx.Err() != nil {
					return runs, context.Cause(ctx)
				}
				if err != nil {
					this.Fault = err.Error()
				} else {
					this.Report = report
				}
				runs = append(runs, this)
				fmt.Fprintf(progress, "round %d  %s  %-18s %4.0f s  %s\n", round+1, w.Name, c.name, time.Since(began).Seconds(), this.gist())
			}
		}
	}
	return runs, nil
}

// once starts a contender for one run.
func (p plan) once(ctx context.Context, b builds, lab *lab, c contender, w bench.Workload) (report bench.Report, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runPatience, errRunPatience)
	defer cancel()
	if err := lab.tidy(ctx, c); err != nil {
		return report, err
	}
	child, err := rig.Start(ctx, c.name, c.command(b, lab.url(c.role, c)))
	if err != nil {
		return report, err
	}
	defer child.End()
	report, err = bench.Run(ctx, lab.url(rig.Owner, c), bench.Target{
		URL: child.URL(), Protocol: c.protocol, Sources: p.sources, Token: rig.Token, PID: child.PID(), Postgres: lab.server.PID(),
	}, w)
	if err != nil {
		return report, fmt.Errorf("%w; its last words: %s", err, child.Last())
	}
	return report, nil
}

// gist is a run in a few words: what counts of it.
func (r run) gist() (text string) {
	if r.Fault != "" {
		return r.Fault
	}
	for _, f := range figures() {
		if f.workload == r.Report.Workload {
			text += fmt.Sprintf("%s %s %s; ", f.name, rig.Number(f.of(r.Report)), f.unit)
		}
	}
	return text + fmt.Sprintf("%d lost, %d doubled, %d misrouted", r.Report.Lost, r.Report.Doubled, r.Report.Misrouted)
}
