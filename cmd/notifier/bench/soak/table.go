package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// print writes the outcome for people.
func (r *results) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", args...) }
	o, f := r.Options, r.Findings
	row("soak", "%s: %d sockets in %d accounts, %g appointments a second, a fault every %s", o.For, o.Conns, o.Accounts, o.Rate, o.FaultEvery)
	row("finalised", "%d; %d without an event, %d with two; %d doctors not released", f.Finalised, f.Unlogged, f.Repeated, f.Unreleased)
	row("deliveries", "%d of %d", r.Count.Deliveries, f.Expected)
	row("lost, doubled, disordered, misrouted", "%d, %d, %d, %d", f.Lost, f.Doubled, f.Disordered, f.Misrouted)
	row("told to fetch the list again", "%d", f.Resyncs)
	row("connections ended by a daemon, tries refused", "%d, %d", r.Count.Cut, r.Count.Refused)
	l := r.Latency
	row("COMMIT to socket, absences and outages included", "p50 %.1f ms, p90 %.1f ms, p99 %.0f ms, max %.0f ms", l.P50, l.P90, l.P99, l.Max)
	row("faults", "%d", len(r.Marks))
	for _, q := range quantities {
		t := trendOf(q, r.Samples, 0, r.Seconds)
		row("first daemon, "+q.name+", by thirds", "%s\t%s", t, t.verdict(r.Seconds))
	}
	for i, name := range daemonNames {
		row(name+" daemon, goroutines", "%d before, %d after", r.Before[i].Goroutines, r.After[i].Goroutines)
		row(name+" daemon, descriptors", "%d before, %d after", r.Before[i].Files, r.After[i].Files)
	}
	for _, name := range daemonNames {
		for _, message := range slices.Sorted(maps.Keys(r.Warnings[name])) {
			row(name+" daemon said", "%d × %s", r.Warnings[name][message], message)
		}
	}
	_ = table.Flush() // to a person at a terminal
	for _, example := range f.Examples {
		fmt.Fprintln(out, example)
	}
	fmt.Fprintln(out, r.title())
}

// title is when and where.
func (r *results) title() string { return r.At.Format("2006-01-02 15:04 UTC") + ", " + r.Machine }
