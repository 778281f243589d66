package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"notifier/cmd/notifier/ledger"
	"notifier/notifier"
)

// storyPrinter writes lines of a time and what happened then. Times are counted from the moment the row was written.
type storyPrinter struct {
	out  io.Writer
	from time.Time
}

// print writes the stories for a person.
func (r traceReport) print(out io.Writer) {
	if len(r.Events) == 0 {
		fmt.Fprintf(out, "No event of appointment %s is in the log. Events stay for the retention (24 h unless --retention says otherwise);\n"+
			"only statuses that have a route raise one (notifier routes list); notifier check looks whether the trigger is in order.\n",
			printable(r.Appointment, 60))
	}
	for i, e := range r.Events {
		if i > 0 {
			fmt.Fprintln(out)
		}
		p := storyPrinter{out, e.ChangedAt}
		p.event(e)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(out, "\n%s committed and not numbered yet: /readyz says whether something is wrong with that\n", counted(r.Waiting, "change"))
	}
	for _, d := range r.Daemons {
		d.printError(out)
	}
	printAlone(out, r.Alone)
}

func (p storyPrinter) event(e traceEvent) {
	from := ""
	if e.FromStatus != "" {
		from = printable(e.FromStatus, 60) + " → "
	}
	fmt.Fprintf(p.out, "%s  %s  %s%s  account %s\n", e.ID, printable(e.Event, 100), from, printable(e.Status, 60), printable(e.Account, 60))
	p.line(p.from.Local().Format("2006-01-02 15:04:05.000"), "the row was written, "+e.writer())
	p.at(&e.NumberedAt, "committed before, and numbered"+e.by(func(f ledger.Facts) bool { return f.NumberedAt != nil })+e.found())
	p.doctor(e)
	for _, d := range e.Daemons {
		p.daemon(d)
	}
}

// writer is whose transaction has written the row.
func (e traceEvent) writer() string {
	if e.Event == notifier.TestEvent {
		return "by the trigger of tests"
	}
	return "in the clinic's transaction"
}

// found is how the daemon that numbered it came upon the row.
func (e traceEvent) found() string {
	for _, d := range e.Daemons {
		switch {
		case d.NumberedAt == nil:
		case d.Rung:
			return ", which was woken (the bell)"
		default:
			return ", which found it by looking (no bell)"
		}
	}
	return ""
}

// by names the daemon that remembers having done something.
func (e traceEvent) by(did func(ledger.Facts) bool) string {
	for _, d := range e.Daemons {
		if did(d.Facts) {
			return " by " + printable(d.Daemon, 40)
		}
	}
	return ""
}

// outcomes are what can become of a release.
var outcomes = map[string]string{
	"released": "the doctor was released",
	"was_free": "the doctor was free already",
	"guarded":  "the doctor was kept busy until the retention: one of his appointments was being served",
	"gone":     "there was no doctor to release any more",
}

func (p storyPrinter) doctor(e traceEvent) {
	doctor := e.Doctor
	switch {
	case e.Event == notifier.TestEvent:
	case doctor == nil:
		p.line("", "asks for no release of a doctor")
	case doctor.Outcome != "":
		settled := e.by(func(f ledger.Facts) bool { return f.ReleasedAt != nil })
		if settled != "" && doctor.Outcome != "released" {
			settled = ", found" + settled
		}
		p.at(doctor.SettledAt, outcomes[doctor.Outcome]+settled)
	case doctor.Waits == "guarded":
		p.line("", "the doctor is kept busy: one of his appointments is being served ("+doctor.tried()+")")
	case doctor.Waits != "":
		p.line("", fmt.Sprintf("the doctor is not released: SQLSTATE %s (%s); see release_postponed in the log", printable(doctor.Waits, 10), doctor.tried()))
	default:
		p.line("", "the doctor's release was not tried yet")
	}
}

func (d traceDoctor) tried() string {
	text := "tried " + counted(d.Tries, "time")
	if d.RetryAt != nil {
		text += ", again at " + d.RetryAt.Local().Format(time.TimeOnly)
	}
	return text
}

// states are what a daemon has to say beside, or instead of, having published.
var states = map[string]string{
	ledger.Nobody:    "nobody of this account was connected here",
	ledger.Read:      "its data is being loaded",
	ledger.Unread:    "not read yet",
	ledger.Before:    "this daemon began after it",
	ledger.Forgotten: "too long ago: this daemon does not remember",
}

func (p storyPrinter) daemon(d traceDaemon) {
	p.line("", "daemon "+printable(d.Daemon, 40))
	if d.ReadAt != nil {
		p.at(d.ReadAt, "  read")
	}
	if text := states[d.State]; text != "" {
		p.line("", "  "+text)
	}
	if d.State == ledger.Published {
		p.published(d.Facts)
	}
	if r := d.Replayed; r != nil {
		p.replayed(*r)
	}
	if d.ReplaysForgotten {
		p.line("", "  to whom it was replayed long ago, this daemon does not remember")
	}
}

func (p storyPrinter) replayed(r ledger.Replayed) {
	switch {
	case r.Written > 1:
		p.at(r.First, fmt.Sprintf("  replayed to %d, to the last of them %s: %s", r.Written, strings.TrimSpace(p.since(r.Last)), connections(r.Conns, r.More)))
	case r.Written == 1:
		p.at(r.Last, "  replayed to "+connections(r.Conns, r.More))
	}
	if r.Dropped > 0 {
		p.line("", fmt.Sprintf("  %d left, or went on at another daemon, before the replay was written", r.Dropped))
	}
}

func (p storyPrinter) published(f ledger.Facts) {
	if f.PublishedAt == nil {
		p.line("", "  is being published")
		return
	}
	p.at(f.PublishedAt, "  published to "+counted(f.Members, "connection"))
	if f.Sent.Written > 0 {
		p.at(f.Sent.Last, fmt.Sprintf("  written to %d, to the first of them %s", f.Sent.Written, strings.TrimSpace(p.since(f.Sent.First))))
	}
	if f.Sent.Dropped > 0 {
		p.line("", fmt.Sprintf("  not written to %d: they left, were evicted or lost, or had it in their replay", f.Sent.Dropped))
	}
	if waiting := int64(f.Members) - f.Sent.Written - f.Sent.Dropped; waiting > 0 {
		p.line("", fmt.Sprintf("  waits in the queues of %d", waiting))
	}
	if len(f.Evicted) > 0 {
		p.line("", "  evicted "+connections(f.Evicted, f.MoreEvicted)+": no room left in their queues")
	}
}

// connections names some and counts the others.
func connections(names []string, more int) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = printable(name, 40)
	}
	text := strings.Join(shown, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// at is line for a moment, which may be unknown.
func (p storyPrinter) at(at *time.Time, text string) { p.line(p.since(at), text) }

func (p storyPrinter) line(at, text string) { fmt.Fprintf(p.out, "%25s  %s\n", at, text) }

// since is a moment as somebody reads it: soon after the beginning by how much, later by the clock.
func (p storyPrinter) since(at *time.Time) string {
	if at == nil {
		return ""
	}
	switch after := at.Sub(p.from); {
	case after.Abs() < 10*time.Second:
		return fmt.Sprintf("%+.1f ms", float64(after.Microseconds())/1000)
	case after.Abs() < 12*time.Hour:
		return at.Local().Format("15:04:05.000")
	}
	return at.Local().Format("2006-01-02 15:04:05.000")
}
