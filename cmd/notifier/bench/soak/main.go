package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"notifier/cmd/notifier/bench/rig"
)

func main() { rig.Main("soak", run) }

// options are the flags.
type options struct {
	during, faultEvery, sampleEvery time.Duration
	stay, away                      time.Duration
	conns, accounts, sources        int
	rate                            float64
	from, json, svg                 string
	chart                           bool
	rest                            time.Duration // see lastRest; shorter in tests
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	o.rest = lastRest
	flags.DurationVar(&o.during, "for", 30*time.Minute, "how long")
	flags.IntVar(&o.conns, "conns", 5000, "`sockets`, half of each protocol")
	flags.IntVar(&o.accounts, "accounts", 250, "`accounts` that they are dealt out to")
	flags.Float64Var(&o.rate, "rate", 100, "`appointments` finalised a second")
	flags.DurationVar(&o.stay, "stay", time.Minute, "how long a socket stays, in the mean")
	flags.DurationVar(&o.away, "away", 3*time.Second, "how long it is away then, in the mean")
	flags.DurationVar(&o.faultEvery, "fault-every", time.Minute, "the time from one fault to the next")
	flags.DurationVar(&o.sampleEvery, "sample-every", 5*time.Second, "the time from one look at the daemons to the next")
	flags.IntVar(&o.sources, "sources", 4, "so many loopback `addresses`, from 127.0.0.2 on, that sockets come from; 0: whatever the kernel chooses")
	flags.StringVar(&o.from, "from", "", "soak nothing: read the results from this `file`")
	flags.StringVar(&o.json, "json", "", "write everything that was measured to this `file`")
	flags.StringVar(&o.svg, "svg", "", "draw it into this `file`")
	flags.BoolVar(&o.chart, "chart", false, "draw memory and goroutines in characters, too")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, errors.New("no arguments beside the flags")
	}
	return o, o.validate()
}

// validate reports all faults at once. What is said of the crowd, bench looks at.
func (o options) validate() error {
	var faults []error
	for name, d := range map[string]time.Duration{"for": o.during, "fault-every": o.faultEvery, "sample-every": o.sampleEvery} {
		if d <= 0 {
			faults = append(faults, fmt.Errorf("-%s is to be more than nothing", name))
		}
	}
	if !(o.rate > 0) || math.IsInf(o.rate, 0) {
		faults = append(faults, errors.New("-rate is to be more than nothing"))
	}
	return errors.Join(faults...)
}

// appointments is how many a soak may need, those of the faults included.
func (o options) appointments() int {
	rounds := int(o.during/o.faultEvery)/len(faults) + 1
	return int(o.rate*o.during.Seconds()*1.01) + rounds*(burst+1) + 100
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	r, err := o.results(ctx, stderr)
	if err != nil {
		return err
	}
	if o.json != "" {
		err = rig.WriteResults(o.json, r)
	}
	if o.svg != "" {
		err = errors.Join(err, r.draw(o.svg))
	}
	r.print(stdout)
	if o.chart {
		r.plot(stdout)
	}
	return errors.Join(err, r.verdict())
}

// results are measured, or read.
func (o options) results(ctx context.Context, progress io.Writer) (r *results, err error) {
	if o.from != "" {
		return readResults(o.from)
	}
	dir, err := os.MkdirTemp("", "notifier-soak-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := openSite(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return soak(ctx, s, o, progress)
}
