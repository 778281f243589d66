package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"notifier/sql/postgres"
)

var (
	authorized = regexp.MustCompile(`\[(\d+)\] .*connection authorized: user=(\S+)`)
	stillWaits = regexp.MustCompile(`\[(\d+)\] .*process \d+ still waiting for (.+) after `)
	holders    = regexp.MustCompile(`\[(\d+)\] .*Process(?:es)? holding the lock: ([\d, ]+)\.`)
)

// The locks that only we bring into the clinic's transactions: what they wait for there, they wait for because of us,
// whoever holds it.
const (
	advisoryLock = "advisory lock"
	notifyLock   = "object 0 of class 1262 of database 0" // of a commit with a NOTIFY
)

// serverLog is what a server's log tells of locks that were waited for longer than deadlock_timeout.
type serverLog struct {
	users     map[string]int // how many connections of each were authorized
	deadlocks int
	waits     []string // of the clinic, because of us: one line each
}

func readServerLog(text string) serverLog {
	found := serverLog{users: map[string]int{}}
	users, wanted := map[string]string{}, map[string]string{} // by process: who it is, and the lock that it waits for
	for line := range strings.Lines(text) {
		if m := authorized.FindStringSubmatch(line); m != nil {
			users[m[1]] = m[2]
			found.users[m[2]]++
		}
		if strings.Contains(line, "deadlock detected") {
			found.deadlocks++
		}
		if m := stillWaits.FindStringSubmatch(line); m != nil {
			wanted[m[1]] = m[2]
		}
		if m := holders.FindStringSubmatch(line); m != nil && users[m[1]] == app {
			for holder := range strings.SplitSeq(m[2], ", ") {
				if ours(wanted[m[1]], users[holder]) {
					found.waits = append(found.waits, wanted[m[1]]+", held by "+orElse(users[holder], "nobody known"))
				}
			}
		}
	}
	return found
}

// ours tells whether the clinic would not have waited for this lock without us. It is only our trigger that leads the
// clinic's sessions into NOTIFY's line. (Where a scenario's superuser makes a crowd there, that is the scenario.)
func ours(lock, holder string) bool {
	return holder == runtimeRole || strings.Contains(lock, advisoryLock) || strings.Contains(lock, notifyLock) && holder != postgres.Superuser
}

// judgeServers looks for deadlocks, and for the clinic's sessions that waited because of us.
func (v *verdict) judgeServers(w *world) {
	var texts []string
	for _, server := range []*postgres.Server{w.server, w.standby} {
		if server != nil {
			texts = append(texts, server.Log())
		}
	}
	v.judgeServerLogs(texts...)
}

func (v *verdict) judgeServerLogs(texts ...string) {
	var known []string
	for _, text := range texts {
		found := readServerLog(text)
		known = slices.AppendSeq(known, maps.Keys(found.users))
		v.count(found.deadlocks, "deadlocks")
		if len(found.waits) > 0 {
			v.fault("%d times the clinic waited for a lock because of us, first: %s", len(found.waits), found.waits[0])
		}
	}
	for _, user := range []string{app, runtimeRole} { // else nothing of this can be told
		if !slices.Contains(known, user) {
			v.fault("the servers' logs tell of no connection of %s", user)
		}
	}
}
