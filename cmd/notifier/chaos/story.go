package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// storyOfAppointment: what was committed and what was logged are not the same.
func storyOfAppointment(appointment int32, committed, logged []string) string {
	return fmt.Sprintf("\nThe story of appointment %d\n  the clinic committed  %s\n  the log holds         %s\n",
		appointment, strings.Join(committed, " "), strings.Join(logged, " "))
}

// storyOfEvent tells how an event that is in the log passed a screen by.
func (w *world) storyOfEvent(s *screen, streams []stream, e event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe story of event %s (appointment %d, %s, account %s), which %s did not get\n",
		e.id, e.appointment, e.status, e.account, s.name)
	fmt.Fprintf(&b, "  changed at %s; the fault was over at %s\n", clock(e.changedAt), clock(w.overAt))
	for _, stream := range streams {
		first, last := "nothing", "nothing"
		if n := len(stream.receipts); n > 0 {
			first = stream.receipts[0].id.String() + " at " + clock(stream.receipts[0].at)
			last = stream.receipts[n-1].id.String() + " at " + clock(stream.receipts[n-1].at)
		}
		fmt.Fprintf(&b, "  connected %s to %s, recovered %t, from %s; got %d events, first %s, last %s; ended: %s\n",
			clock(stream.opened), stream.daemon, stream.recovered, stream.from, len(stream.receipts), first, last, orElse(stream.ended, "no"))
	}
	for _, n := range w.nodes {
		for _, line := range grep(n.logPath, `"id":"`+e.id.String()+`"`) {
			fmt.Fprintf(&b, "  %s: %s\n", n.name, line)
		}
	}
	fmt.Fprintf(&b, "  all logs: %s\n", w.dir)
	return b.String()
}

func grep(path, text string) (lines []string) {
	file, err := os.Open(path)
	if err != nil {
		return []string{err.Error()}
	}
	defer file.Close() //nolint:errcheck // only read
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		if strings.Contains(scanner.Text(), text) {
			lines = append(lines, scanner.Text())
		}
	}
	return lines
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
