package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// printThroughput writes one table for each kind of load: medians, and from the slowest to the fastest run.
func printThroughput(w io.Writer, results map[load][]measured) {
	for first := 0; first < len(loads); first += 3 {
		group := loads[first : first+3]
		line(w, "\n%s changes a status to a terminal one", group[0].name)
		line(w, "\n| variant | %s |", strings.Join(each(group, func(l load) string { return fmt.Sprintf("%d clients", l.clients) }), " | "))
		line(w, "|---|%s", strings.Repeat("---|", len(group)))
		for i, v := range variants {
			cells := each(group, func(l load) string { return cell(results[l], i) })
			line(w, "| %s | %s |", v.name, strings.Join(cells, " | "))
		}
	}
}

// cell is a variant's share of the throughput without a trigger, its spread, and its bells per second.
func cell(all []measured, i int) string {
	base, m := median(all[0].tps), all[i]
	if i == 0 {
		return fmt.Sprintf("%.0f tps (%.0f–%.0f)", base, slices.Min(m.tps), slices.Max(m.tps))
	}
	ratios := make([]float64, len(m.tps)) // each run against the same run without a trigger
	for run := range m.tps {
		ratios[run] = m.tps[run] / all[0].tps[run]
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f), %.0f bells/s", median(ratios), slices.Min(ratios), slices.Max(ratios), median(m.bells))
}

func printLatency(w io.Writer, beside, among []heard) {
	line(w, "\nFrom a commit to the first bell after it, in milliseconds; silent: none within %v", heardWithin)
	line(w, "\n| variant | lone event beside an open transaction: p50, p99, silent | 8 writers, 20 ms apart: p50, p99, silent |\n|---|---|---|")
	for i, v := range variants {
		line(w, "| %s | %s | %s |", v.name, times(beside[i]), times(among[i]))
	}
}

func times(h heard) string {
	all := len(h.times) + h.silent
	if len(h.times) == 0 {
		return "all silent"
	}
	slices.Sort(h.times)
	at := func(share float64) float64 { return h.times[int(share*float64(len(h.times)-1))] }
	return fmt.Sprintf("%.1f, %.1f, %.0f %%", at(0.5), at(0.99), 100*float64(h.silent)/float64(all))
}

func each(group []load, f func(load) string) []string {
	texts := make([]string, len(group))
	for i, l := range group {
		texts[i] = f(l)
	}
	return texts
}

func line(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
