package e2e

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"
)

// logTail keeps what a daemon logs and wakes whoever waits for a line.
type logTail struct {
	mu    sync.Mutex
	all   bytes.Buffer
	part  []byte
	lines []map[string]any
	more  chan struct{}
}

func newLogTail() *logTail { return &logTail{more: make(chan struct{})} }

// Write implements io.Writer for the process' stderr.
func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(p)
	l.part = append(l.part, p...)
	for {
		line, rest, found := bytes.Cut(l.part, []byte("\n"))
		if !found {
			break
		}
		l.part = rest
		var fields map[string]any
		if json.Unmarshal(line, &fields) == nil { // what is not JSON (a race report) stays in the text
			l.lines = append(l.lines, fields)
		}
	}
	close(l.more)
	l.more = make(chan struct{})
	return len(p), nil
}

func (l *logTail) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func (l *logTail) find(event string) (map[string]any, chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if line["msg"] == event {
			return line, nil
		}
	}
	return nil, l.more
}

// await returns the first line of an event, now or later.
func (l *logTail) await(t testing.TB, event string) map[string]any {
	t.Helper()
	timeout := time.After(e2ePatience)
	for {
		line, more := l.find(event)
		if line != nil {
			return line
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("no log line %q; the log: %s", event, l.text())
		}
	}
}

// awaitLines returns the JSON lines as soon as there are n.
func (l *logTail) awaitLines(t testing.TB, n int) []map[string]any {
	t.Helper()
	timeout := time.After(e2ePatience)
	for {
		l.mu.Lock()
		lines, more := l.lines, l.more
		l.mu.Unlock()
		if len(lines) >= n {
			return lines
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("%d lines, want %d: %s", len(lines), n, l.text())
		}
	}
}

// awaitText returns when a text was written.
func (l *logTail) awaitText(t testing.TB, text string) {
	t.Helper()
	timeout := time.After(e2ePatience)
	for {
		l.mu.Lock()
		found, more := bytes.Contains(l.all.Bytes(), []byte(text)), l.more
		l.mu.Unlock()
		if found {
			return
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("%q was not written: %s", text, l.text())
		}
	}
}

// median is that of a duration in all lines of an event.
func (l *logTail) median(event, key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []time.Duration
	for _, line := range l.lines {
		if nanoseconds, ok := line[key].(float64); ok && line["msg"] == event {
			all = append(all, time.Duration(nanoseconds))
		}
	}
	slices.Sort(all)
	return all[len(all)/2]
}
