package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"notifier/notifier"
)

// journal is what one process of a daemon has logged: the lines go to its file, and what the oracle needs is kept.
type journal struct {
	serving chan struct{} // closed by the line of that name

	mu       sync.Mutex
	file     io.Writer
	partial  []byte
	addr     string
	admin    string
	read     []stretch         // of the log, in the order in which the daemon read it
	handed   []notifier.Cursor // events that it published to somebody
	warnings map[string]int    // by name
	errors   []string          // whole lines
	recent   []string
	exited   string
}

// stretch of the log: the events after one number up to another.
type stretch struct{ after, last int64 }

const recentLines = 40

func newJournal(file io.Writer) *journal {
	return &journal{file: file, serving: make(chan struct{}), warnings: map[string]int{}}
}

// Write implements io.Writer for the process's stderr.
func (j *journal) Write(data []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(data); err != nil {
		return 0, err
	}
	j.partial = append(j.partial, data...)
	for {
		line, rest, ok := bytes.Cut(j.partial, []byte("\n"))
		if !ok {
			return len(data), nil
		}
		j.note(line)
		j.partial = rest
	}
}

// entry is a line of the daemon's log, as far as it is looked at.
type entry struct {
	Level  string `json:"level"`
	Msg    string `json:"msg"`
	Addr   string `json:"addr"`
	Admin  string `json:"admin_addr"`
	ID     string `json:"id"`
	After  int64  `json:"after"`
	Last   int64  `json:"last"`
	Cursor string `json:"cursor"`
}

func (j *journal) note(line []byte) {
	if len(j.recent) == recentLines {
		j.recent = j.recent[1:]
	}
	j.recent = append(j.recent, string(line))
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		j.errors = append(j.errors, string(line)) // a panic, or the race detector
		return
	}
	switch e.Level {
	case "WARN":
		j.warnings[e.Msg]++
	case "ERROR":
		j.errors = append(j.errors, string(line))
	}
	switch e.Msg {
	case "serving":
		j.addr, j.admin = e.Addr, e.Admin
		close(j.serving)
	case "events_read":
		j.read = append(j.read, stretch{e.After, e.Last})
	case "event_published":
		id, err := notifier.ParseCursor(e.ID)
		if err != nil {
			j.errors = append(j.errors, string(line))
		}
		j.handed = append(j.handed, id)
	}
}

// exit notes how the process ended.
func (j *journal) exit(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.exited = fmt.Sprint(err)
}

func (j *journal) address() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.addr
}

func (j *journal) adminAddress() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.admin
}

// tail is what it logged last.
func (j *journal) tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.recent, "\n")
}

// facts are what the oracle is told of a process.
type facts struct {
	read     []stretch
	handed   []notifier.Cursor
	warnings map[string]int
	errors   []string
	exited   string // how it ended, "" if it lives
}

func (j *journal) facts() facts {
	j.mu.Lock()
	defer j.mu.Unlock()
	return facts{slices.Clone(j.read), slices.Clone(j.handed), maps.Clone(j.warnings), slices.Clone(j.errors), j.exited}
}
