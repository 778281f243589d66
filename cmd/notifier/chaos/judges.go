package main

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"notifier/notifier"
)

// judgeDaemons looks at what every process of every daemon has read: the whole log from its beginning on, in order,
// each event once. And at what they complained of.
func (v *verdict) judgeDaemons(ctx context.Context, w *world, r *record) {
	warnings := map[string]int{}
	for _, n := range w.nodes {
		if status, _, err := n.get(ctx, "/livez"); err != nil || status != http.StatusOK {
			v.fault("%s is dead at the end: %s", n.name, n.current().tail())
		}
		published := 0
		for i, journal := range n.journals {
			f := journal.facts()
			for name, times := range f.warnings {
				warnings[name] += times
			}
			published += len(f.handed)
			v.judgeProcess(n.name, f)
			v.judgeReading(n.name, f.read, r, i == 0 && w.plan.before == nil, i == len(n.journals)-1)
			v.judgePublishing(n.name, f.handed)
		}
		if published == 0 {
			v.fault("%s has published nothing", n.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(warnings)) {
		v.note("the daemons warned %d × %s", warnings[name], name)
	}
}

// judgeProcess: no errors, and no end but one that was asked for.
func (v *verdict) judgeProcess(name string, f facts) {
	for _, line := range f.errors {
		v.fault("%s says: %s", name, line)
	}
	if !slices.Contains([]string{"", "<nil>", "signal: killed"}, f.exited) {
		v.fault("%s ended: %s", name, f.exited)
	}
}

// judgeReading: stretches that join one another, from the log's beginning where the process was there before it, up to
// its end where the process lives.
func (v *verdict) judgeReading(name string, read []stretch, r *record, early, lives bool) {
	if len(read) == 0 {
		if lives {
			v.fault("%s has read nothing", name)
		}
		return
	}
	if early && read[0].after != 0 {
		v.fault("%s began to read after %d", name, read[0].after)
	}
	allows := v.scenario.allows
	for k := 1; k < len(read); k++ {
		before, after := read[k-1].last, read[k].after
		if after > before && !allows.refetch || after < before && !allows.lostTail {
			v.fault("%s read on after %d, having read up to %d", name, after, before)
		}
	}
	if last := read[len(read)-1].last; lives && last != r.last {
		v.fault("%s has read up to %d, the log ends at %d", name, last, r.last)
	}
}

// judgePublishing: in the order of the log.
func (v *verdict) judgePublishing(name string, handed []notifier.Cursor) {
	for k := 1; k < len(handed); k++ {
		before, after := handed[k-1], handed[k]
		backInTime := after.Epoch > before.Epoch && v.scenario.allows.lostTail // the log went back
		if after.Epoch < before.Epoch || after.Seq <= before.Seq && !backInTime {
			v.fault("%s published %s after %s", name, after, before)
		}
	}
}
