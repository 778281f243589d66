package main

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"notifier/sql/postgres"
)

// judgeDaemons looks at what every process of every daemon has read: the whole log from its beginning on, in order,
// each event once. And at what they complained of.
func (v *verdict) judgeDaemons(ctx context.Context, w *world, r *record) error {
	warnings := map[string]int{}
	for _, n := range w.nodes {
		if status, _, err := n.get(ctx, "/livez"); err != nil || status != http.StatusOK {
			v.fault("%s is dead at the end: %s", n.name, n.current().tail())
		}
		for i, journal := range n.journals {
			read, handed, warned, errors := journal.facts()
			for name, times := range warned {
				warnings[name] += times
			}
			for _, line := range errors {
				v.fault("%s says: %s", n.name, line)
			}
			if len(errors) == 0 && len(read) == 0 && i == len(n.journals)-1 {
				v.fault("%s has read nothing", n.name)
			}
			v.judgeReading(n.name, read, r, i == len(n.journals)-1)
			for k := 1; k < len(handed); k++ {
				if handed[k].Seq <= handed[k-1].Seq && handed[k].Epoch == handed[k-1].Epoch {
					v.fault("%s published %s after %s", n.name, handed[k], handed[k-1])
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(warnings)) {
		v.note("the daemons warned %d × %s", warnings[name], name)
	}
	return nil
}

// judgeReading: stretches that join one another, up to the log's end where the process lives.
func (v *verdict) judgeReading(name string, read []stretch, r *record, lives bool) {
	for k := 1; k < len(read); k++ {
		if read[k].after != read[k-1].last && !v.scenario.allows.lostTail && !v.scenario.allows.refetch {
			v.fault("%s read on after %d, having read up to %d", name, read[k].after, read[k-1].last)
		}
	}
	if lives && len(read) > 0 && read[len(read)-1].last != r.last {
		v.fault("%s has read up to %d, the log ends at %d", name, read[len(read)-1].last, r.last)
	}
}

var (
	authorized = regexp.MustCompile(`\[(\d+)\] .*connection authorized: user=(\S+)`)
	waiting    = regexp.MustCompile(`\[(\d+)\] .*process \d+ still waiting for`)
	holder     = regexp.MustCompile(`Process(?:es)? holding the lock: ([\d, ]+)\.`)
)

// notifyLine is the lock that commits with a NOTIFY take.
const notifyLine = "AccessExclusiveLock on object 0 of class 1262 of database 0"

// judgeServer looks for deadlocks, and for sessions of the clinic that waited for longer than deadlock_timeout behind
// one of ours, or in NOTIFY's line, where only our trigger leads them.
func (v *verdict) judgeServer(w *world) {
	for _, server := range []*postgres.Server{w.server, w.standby} {
		if server != nil {
			v.judgeServerLog(server.Log())
		}
	}
}

func (v *verdict) judgeServerLog(log string) {
	users := map[string]string{} // by process id
	var waiter, first string
	var waits, deadlocks int
	var inLine bool
	for line := range strings.Lines(log) {
		if m := authorized.FindStringSubmatch(line); m != nil {
			users[m[1]] = m[2]
		}
		if strings.Contains(line, "deadlock detected") {
			deadlocks++
		}
		if m := waiting.FindStringSubmatch(line); m != nil {
			waiter, inLine = m[1], strings.Contains(line, notifyLine)
		}
		m := holder.FindStringSubmatch(line)
		if m == nil || users[waiter] != app {
			continue
		}
		if slices.ContainsFunc(strings.Split(m[1], ", "), func(pid string) bool {
			return users[pid] == runtimeRole || inLine && users[pid] == app
		}) {
			waits++
			first = orElse(first, strings.TrimSpace(line))
		}
	}
	v.count(deadlocks, "deadlocks")
	if waits > 0 {
		v.fault("%d times the clinic waited for a lock of ours, first: %s", waits, first)
	}
}

// judgeClinic: what made the clinic's transactions fail.
func (v *verdict) judgeClinic(c *clinic) {
	failures := c.failures()
	for _, kind := range slices.Sorted(maps.Keys(failures)) {
		switch {
		case kind == lostLink && v.scenario.allows.linkLost, slices.Contains(v.scenario.allows.clinic, kind):
			v.note("%d transactions of the clinic failed: %s", failures[kind], kind)
		default:
			v.fault("%d transactions of the clinic failed: %s", failures[kind], kind)
		}
	}
}
