package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"notifier/cmd/notifier/bench/rig"
)

// printTable writes what was measured as Markdown: the figures, ours against the floor and its target, and the NestJS gateway against ours.
func (r results) printTable(out io.Writer) {
	fmt.Fprintf(out, "%s. Medians of %d.%s\n\n", r.title(), r.Rounds, map[bool]string{true: " Quick: too short to mean anything."}[r.Quick])
	there := r.contenders()
	head := []string{"", ""}
	for _, c := range there {
		head = append(head, c.title)
	}
	row(out, append(head, "ours ÷ floor", "target", "NestJS ÷ ours", "promised"))
	row(out, strings.Split(strings.Repeat("---|", len(head)+4), "|")[:len(head)+4])
	for _, f := range r.figures() {
		cells := []string{f.workload, f.name + ", " + f.unit}
		for _, c := range there {
			cells = append(cells, rig.Number(r.value(c.name, f)))
		}
		ratios, target := r.againstFloor(f)
		behind, promised := r.againstNest(f)
		row(out, append(cells, ratios, target, behind, promised))
	}
	fmt.Fprintln(out)
	for _, c := range there {
		d := r.deliveries(c.name)
		fmt.Fprintf(out, "%s: %d lost, %d doubled, %d misrouted of %d\n", c.title, d.lost, d.doubled, d.misrouted, d.all)
	}
}

// title is when and where.
func (r results) title() string { return r.At.Format(time.DateOnly) + ", " + r.Machine.String() }

func row(out io.Writer, cells []string) { fmt.Fprintln(out, "| "+strings.Join(cells, " | ")+" |") }

// ours are both protocols.
func ours() []string { return []string{ourPlain, ourSocketIO} }

// againstFloor is ours ÷ floor, and whether that, or what is wanted without a floor, is as promised.
func (r results) againstFloor(f figure) (ratios, target string) {
	floor := r.value(bareFloor, f)
	var quotients, limits, verdicts []string
	for _, contender := range ours() {
		value := r.value(contender, f)
		quotients = append(quotients, rig.Number(value/floor))
		limit := f.limit(contender, floor)
		limits = append(limits, rig.Number(limit))
		verdicts = append(verdicts, verdict(value, limit))
	}
	ratios = strings.Join(quotients, ", ")
	switch {
	case f.ratio > 0:
		return ratios, fmt.Sprintf("≤ %s: %s", rig.Number(f.ratio), strings.Join(verdicts, ", "))
	case f.most != nil:
		return ratios, fmt.Sprintf("≤ %s %s: %s", strings.Join(limits, ", "), f.unit, strings.Join(verdicts, ", "))
	}
	return ratios, ""
}

// againstNest is the gateway ÷ ours.
func (r results) againstNest(f figure) (ratios, promised string) {
	nest := r.value(nestGateway, f)
	var quotients, verdicts []string
	for _, contender := range ours() {
		quotient := nest / r.value(contender, f)
		quotients = append(quotients, rig.Number(quotient))
		verdicts = append(verdicts, verdict(-quotient, -f.behind))
	}
	ratios = strings.Join(quotients, ", ")
	if f.behind == 0 {
		return ratios, ""
	}
	return ratios, fmt.Sprintf("≥ %s: %s", rig.Number(f.behind), strings.Join(verdicts, ", "))
}

// verdict compares with what is wanted at most.
func verdict(value, limit float64) string {
	switch {
	case math.IsNaN(value) || math.IsNaN(limit):
		return "–"
	case value <= limit:
		return "met"
	}
	return "missed"
}
