package roomtest

import (
	"context"
	"strconv"
	"strings"
	"sync"
)

// EventName is the name of every event here.
const EventName = "appointmnents.finished"

// Journal is a wsroom.Log that holds what was appended to it. Cursors are "1-<seq>".
type Journal struct {
	mu      sync.Mutex
	entries []Entry
	oldest  int64
	err     error
	hold    *hold
}

// Entry is an event of the journal.
type Entry struct {
	Account string
	Seq     int64
	Data    string
}

type hold struct{ reached, released chan struct{} }

// CursorOf is the cursor behind an event.
func CursorOf(seq int64) string { return "1-" + strconv.FormatInt(seq, 10) }

// Append adds an event; its number is higher than all before.
func (j *Journal) Append(account string, seq int64, data string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, Entry{account, seq, data})
}

// Entries are all events so far.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Entry(nil), j.entries...)
}

// Forget refuses cursors before this one from now on.
func (j *Journal) Forget(before int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.oldest = before
}

// Fail has every replay end with err; nil: no more.
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

// Hold has the next replay wait: it closes reached, and goes on when released is closed.
func (j *Journal) Hold() (reached, released chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hold = &hold{make(chan struct{}), make(chan struct{})}
	return j.hold.reached, j.hold.released
}

// Replay implements wsroom.Log.
func (j *Journal) Replay(ctx context.Context, account, cursor string, upTo int64, yield func(id string, seq int64, event string, data []byte)) (bool, error) {
	j.mu.Lock()
	waits := j.hold
	j.hold = nil
	j.mu.Unlock()
	if waits != nil {
		close(waits.reached)
		<-waits.released
	}
	j.mu.Lock()
	entries, oldest, err := j.entries[:len(j.entries):len(j.entries)], j.oldest, j.err
	j.mu.Unlock()
	after, ok := j.Seq(cursor)
	if err != nil || !ok || after < oldest {
		return false, err
	}
	for _, e := range entries {
		if e.Account == account && e.Seq > after && e.Seq <= upTo && ctx.Err() == nil {
			yield(CursorOf(e.Seq), e.Seq, EventName, []byte(e.Data))
		}
	}
	return true, nil
}

// Seq implements wsroom.Log.
func (j *Journal) Seq(cursor string) (int64, bool) {
	digits, found := strings.CutPrefix(cursor, "1-")
	seq, err := strconv.ParseInt(digits, 10, 64)
	return seq, found && err == nil && seq >= 0
}
