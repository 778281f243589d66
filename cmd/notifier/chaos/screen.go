package main

import (
	"slices"
	"sync"
	"time"

	"notifier/notifier"
)

// screen is one client: what it received, connection by connection.
type screen struct {
	name    string
	account string

	mu      sync.Mutex
	streams []stream
	wrong   []string // what it was told and does not understand
}

// stream is one connection from its welcome on.
type stream struct {
	daemon    string
	opened    time.Time
	recovered bool
	from      notifier.Cursor // where it starts; zero where the protocol does not tell
	receipts  []receipt
	ended     string // why, "" while it lives
}

// receipt is one event as it came.
type receipt struct {
	id          notifier.Cursor
	appointment int32
	account     string // as the event's data names it
	at          time.Time
}

// opened begins a stream.
func (s *screen) opened(daemon string, recovered bool, from notifier.Cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams = append(s.streams, stream{daemon: daemon, opened: time.Now(), recovered: recovered, from: from})
}

// received notes an event of the stream that was opened last.
func (s *screen) received(r receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &s.streams[len(s.streams)-1]
	last.receipts = append(last.receipts, r)
}

// ended notes why the last stream has ended.
func (s *screen) ended(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) > 0 && s.streams[len(s.streams)-1].ended == "" {
		s.streams[len(s.streams)-1].ended = why
	}
}

// connected tells whether a stream is open.
func (s *screen) connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams) > 0 && s.streams[len(s.streams)-1].ended == ""
}

// cursor is what the screen comes back with.
func (s *screen) cursor() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range slices.Backward(s.streams) {
		if n := len(stream.receipts); n > 0 {
			return stream.receipts[n-1].id.String()
		}
		if !stream.recovered && stream.from.Epoch > 0 {
			return stream.from.String()
		}
	}
	return ""
}

// has tells whether the screen's last event is this one or a later one.
func (s *screen) has(seq int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range slices.Backward(s.streams) {
		if n := len(stream.receipts); n > 0 {
			return stream.receipts[n-1].id.Seq >= seq
		}
		if !stream.recovered {
			return stream.from.Seq >= seq
		}
	}
	return false
}

// misunderstood notes what a client of the contract could make nothing of.
func (s *screen) misunderstood(what error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, what.Error())
}

// history is a copy of all streams, and of what was not understood.
func (s *screen) history() (all []stream, wrong []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	streams := slices.Clone(s.streams)
	for i := range streams {
		streams[i].receipts = slices.Clone(streams[i].receipts)
	}
	return streams, slices.Clone(s.wrong)
}
