package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"notifier/sql/inspect"
)

// checkWidth is what a terminal shows at least; only a single word may be longer.
const checkWidth = 100

// print writes the table for a person, or JSON for a script.
func (r checkReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	colours := isTerminal(w) && os.Getenv("NO_COLOR") == ""
	_, err := io.WriteString(w, r.table(colours))
	return err
}

// table has a line for each finding, what to do below it, and a summary at its end.
func (r checkReport) table(colours bool) string {
	codes := 0
	for _, f := range r.Checks {
		codes = max(codes, len(f.Code))
	}
	var b strings.Builder
	for _, f := range r.Checks {
		status := fmt.Sprintf("%-7s", f.Status)
		if colours {
			status = coloured(f.Status, status)
		}
		lead := fmt.Sprintf("%-*s  ", codes, f.Code)
		fmt.Fprintf(&b, "%s  %s%s\n", status, lead, wrapped(f.Text, 9+len(lead)))
		for _, advice := range f.Advice {
			fmt.Fprintf(&b, "%9s→ %s\n", "", wrapped(advice, 11))
		}
	}
	fmt.Fprintf(&b, "\n%s, %s, %d ok, %d skipped (%.1f s)\n", counted(r.Problems, "problem"), counted(r.Warnings, "warning"),
		len(r.Checks)-r.Problems-r.Warnings-r.Skipped, r.Skipped, r.Seconds)
	return b.String()
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func coloured(status inspect.Status, text string) string {
	colour := map[inspect.Status]string{inspect.OK: "32", inspect.Warning: "33", inspect.Problem: "1;31", inspect.Skipped: "2"}[status]
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// wrapped breaks a text between words; all lines but the first begin after an indentation.
func wrapped(text string, indent int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Split(text, " ") {
		width := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+width > checkWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
}
