package main

import (
	"errors"
	"slices"
	"time"

	"notifier/notifier"
)

// problem is one thing that is wrong, for a script and for a person.
type problem struct {
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Since   time.Time `json:"since,omitzero"`
}

// health is what /readyz says. Warnings make nobody unready: clients are served all the same.
type health struct {
	Ready    bool      `json:"ready"`
	Listener bool      `json:"listener"`
	Problems []problem `json:"problems"`
	Warnings []problem `json:"warnings"`
}

// advice says for each code what is wrong and what to do. Fixed texts: an error of the database may name hosts and
// roles, which belong into the log.
var advice = map[string]struct {
	warning bool
	message string
}{
	"draining": {message: "the daemon is shutting down"},
	notifier.NotMigrated: {message: "the database has no notifier schema that this role may use, or refuses the role: " +
		"run `notifier migrate up`, and check --database-url"},
	notifier.DatabaseAway: {message: "the database cannot be reached or does not answer: see the log"},
	notifier.ReadOnly: {message: "the server that answers is a standby and takes no writes: name the primary in --database-url, " +
		"or all hosts, of which the one that takes writes is chosen"},
	notifier.LogFailing: {message: "a statement of the log raises: look for a foreign trigger or constraint on a table of schema notifier, " +
		"and for a full disk; the SQLSTATE is in the log line feed_failed"},
	notifier.PumpStuck: {message: "changes wait and the log does not move: a session holds notifier.head or a table of the log; " +
		"the log line pump_stuck says which, and how to end it"},
	notifier.StagingGrowing: {message: "changes wait for longer than they should: the log moves, and does not keep up; " +
		"look at the load of the database and of this daemon"},
	notifier.ListenerDown: {message: "the listening connection is lost and does not come back: check --direct-url; " +
		"changes are found by polling"},
	"keys_never_loaded": {message: "the JWKS was never loaded: check --jwks-url"},
	feedHung: {message: "the feed has been in one step for longer than the database's time limits explain: " +
		"if it stays so for three minutes, /livez says that only a restart helps; please report it with /debug/pprof/goroutine?debug=2"},
	roomsHung: {message: "the rooms' lock cannot be had: if it stays so for three minutes, /livez says that only a restart helps; " +
		"please report it with /debug/pprof/goroutine?debug=2"},
	notifier.ReleaseFailing: {warning: true, message: "doctors cannot be marked not busy: the log line release_failing has the SQLSTATE; " +
		"see notifier.effect for which"},
	notifier.ListenerDeaf: {warning: true, message: "LISTEN is accepted and nothing arrives: --direct-url must lead to the server itself; " +
		"changes are found by polling"},
	notifier.NotifyQueueFull: {warning: true, message: "the server's NOTIFY queue is half full and the bell silent: end the session that listens " +
		"and sits in a transaction; changes are found by polling"},
}

// add puts a code where it belongs.
func (h *health) add(code string, since time.Time) {
	known := advice[code]
	found := problem{code, known.message, since}
	if known.warning {
		h.Warnings = append(h.Warnings, found)
	} else {
		h.Problems = append(h.Problems, found)
	}
}

// health gathers what the parts say of themselves.
func (d *daemon) health() health {
	h := health{Listener: d.listener.Up(), Problems: []problem{}, Warnings: []problem{}}
	if d.draining.Load() {
		h.add("draining", time.Time{})
	}
	troubles := d.watch.Troubles()
	isStuck := slices.ContainsFunc(troubles, func(t notifier.Trouble) bool { return t.Code == notifier.PumpStuck })
	// A table lock lets the feed wait in vain: it takes the database for away, and the watch knows better.
	if code := codeOf(d.feed.Err()); code != "" && (code != notifier.DatabaseAway || !isStuck) {
		h.add(code, time.Time{})
	}
	for _, trouble := range troubles {
		h.add(trouble.Code, trouble.Since.UTC().Truncate(time.Second))
	}
	if d.verifier.Ready() != nil {
		h.add("keys_never_loaded", time.Time{})
	}
	for _, code := range d.life.hung(hangsForReady) {
		h.add(code, time.Time{})
	}
	h.Ready = len(h.Problems) == 0
	return h
}

// codeOf is "" for no error.
func codeOf(err error) string {
	var coded interface{ Code() string }
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return ""
}
