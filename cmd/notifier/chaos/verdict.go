package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// verdict is what the oracle found.
type verdict struct {
	scenario *scenario
	seed     uint64
	took     time.Duration

	changes                 int // committed terminal changes
	lost, doubled, inverted int // of them, in the log

	screens, cuts                 int
	delivered                     int // events × screens
	missed, repeated, disordered  int // the same
	misrouted, unknown, refetches int
	void                          int // events that the database lost when screens had them

	released, guarded int
	failures          map[string]int // the clinic's transactions, by kind
	resume            time.Duration  // the slowest screen; negative where none had anything to wait for

	faults []string // promises that were broken
	notes  []string // what is worth knowing
	story  string   // of the first event that was lost
}

func (v *verdict) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

func (v *verdict) note(format string, args ...any) {
	v.notes = append(v.notes, fmt.Sprintf(format, args...))
}

// count is fault, for numbers that should be zero.
func (v *verdict) count(n int, format string) {
	if n > 0 {
		v.fault("%d %s", n, format)
	}
}

// late tells whether delivery came back later than the scenario promises.
func (v *verdict) late() bool { return v.scenario.resume > 0 && v.resume > v.scenario.resume }

// table writes one line for each verdict.
func table(out io.Writer, verdicts []*verdict) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "scenario\tchanges\tdelivered\tlost\tdoubled\tinverted\tmissed\trepeated\trefetch\tcuts\treleased\tresume\ttook\t")
	for _, v := range verdicts {
		resume := "–"
		if v.resume >= 0 {
			resume = fmt.Sprintf("%.2f s", v.resume.Seconds())
		}
		if v.late() {
			resume += " LATE"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%.0f s\t\n", v.scenario.name, v.changes, v.delivered,
			v.lost, v.doubled, v.inverted, v.missed, v.repeated, v.refetches, v.cuts, v.released, resume, v.took.Seconds())
	}
	return t.Flush()
}

// report is what a person reads of one verdict.
func (v *verdict) report() string {
	var b strings.Builder
	for _, fault := range v.faults {
		fmt.Fprintf(&b, "  BROKEN  %s\n", fault)
	}
	for _, note := range v.notes {
		fmt.Fprintf(&b, "          %s\n", note)
	}
	b.WriteString(v.story)
	return b.String()
}
