package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"time"

	"notifier/cmd/notifier/bench/rig"
)

func main() { rig.Main("compare", compare) }

// options are the flags.
type options struct {
	workloads, contenders string
	rounds, sources       int
	quick                 bool
	from, json, svg       string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.workloads, "run", "", "only these workloads, as W1,W3")
	flags.StringVar(&o.contenders, "contenders", "", "only these contenders, of "+ourPlain+","+ourSocketIO+","+nestGateway+","+bareFloor)
	flags.IntVar(&o.rounds, "repeat", 3, "so many `times`")
	flags.IntVar(&o.sources, "sources", 4, "so many loopback `addresses`, from 127.0.0.2 on, that sockets come from; 0: whatever the kernel chooses")
	flags.BoolVar(&o.quick, "quick", false, "small workloads, to see whether everything works")
	flags.StringVar(&o.from, "from", "", "measure nothing: read the results from this `file`")
	flags.StringVar(&o.json, "json", "", "write all reports to this `file`")
	flags.StringVar(&o.svg, "svg", "", "draw the medians into this `file`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 {
		return o, errors.New("no arguments beside the flags, and at least one repetition")
	}
	return o, nil
}

func compare(ctx context.Context, args []string, stdout, stderr io.Writer) error {
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
	r.printTable(stdout)
	return errors.Join(err, r.faults())
}

// results are measured, or read.
func (o options) results(ctx context.Context, progress io.Writer) (r results, err error) {
	if o.from != "" {
		err = rig.ReadResults(o.from, &r)
		return r, err
	}
	p := plan{rounds: o.rounds, sources: o.sources}
	if p.contenders, err = chooseContenders(o.contenders); err != nil {
		return r, err
	}
	if p.workloads, err = chooseWorkloads(o.workloads, o.quick); err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp("", "notifier-compare-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := build(ctx, dir)
	if err != nil {
		return r, err
	}
	lab, err := openLab(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lab.close()) }()
	r = results{At: time.Now().UTC(), Quick: o.quick, Machine: rig.ThisMachine(ctx), Rounds: o.rounds}
	r.Machine.Node = rig.NodeVersion(ctx)
	r.Runs, err = p.measure(ctx, b, lab, progress)
	return r, err
}
