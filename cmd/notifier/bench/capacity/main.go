package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"notifier/cmd/notifier/bench/rig"
)

func main() { rig.Main("capacity", run) }

// options are the flags.
type options struct {
	quick                bool
	sources              int
	from, json, markdown string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("capacity", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.quick, "quick", false, "few and short runs, to see whether everything works")
	flags.IntVar(&o.sources, "sources", 4, "so many loopback `addresses`, from 127.0.0.2 on, that sockets come from; 0: whatever the kernel chooses")
	flags.StringVar(&o.from, "from", "", "measure nothing: read the results from this `file`")
	flags.StringVar(&o.json, "json", "", "write everything that was measured to this `file`")
	flags.StringVar(&o.markdown, "markdown", "", "put the tables into this `page`, between its marks")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, errors.New("no arguments beside the flags")
	}
	return o, nil
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
	m, modelErr := r.model()
	if modelErr != nil {
		return errors.Join(err, modelErr)
	}
	var text bytes.Buffer
	if printErr := r.print(&text, m); printErr != nil {
		return errors.Join(err, printErr)
	}
	if o.markdown != "" {
		err = errors.Join(err, renewPage(o.markdown, text.String()))
	}
	fmt.Fprint(stdout, text.String())
	return errors.Join(err, r.faults())
}

// results are measured, or read.
func (o options) results(ctx context.Context, progress io.Writer) (r results, err error) {
	if o.from != "" {
		err = rig.ReadResults(o.from, &r)
		return r, err
	}
	dir, err := os.MkdirTemp("", "notifier-capacity-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := openSite(ctx, dir, o.sources)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r = results{At: time.Now().UTC(), Quick: o.quick, Machine: rig.ThisMachine(ctx)}
	err = r.measure(ctx, s, planned(o.quick), progress)
	return r, err
}
