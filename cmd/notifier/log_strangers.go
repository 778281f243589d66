package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// strangerLines of a kind are written in an interval; what comes on top is counted, and told at its end.
	strangerLines    = 20
	strangerInterval = time.Minute
	// strangerKinds bounds what is remembered. The codes are of a fixed list, so that it is never reached.
	strangerKinds = 100
)

// strangersLog lets a log be read while somebody who has no token knocks ten thousand times. Lines about members, whose
// account stands in them, and all other lines pass untouched.
type strangersLog struct {
	slog.Handler

	counts *strangerCounts // of all that come from one newStrangersLog
}

type strangerCounts struct {
	mu    sync.Mutex
	lines map[strangerKind]int
}

type strangerKind struct{ event, code string }

func newStrangersLog(next slog.Handler) strangersLog {
	return strangersLog{next, &strangerCounts{lines: map[strangerKind]int{}}}
}

// Handle implements slog.Handler.
func (s strangersLog) Handle(ctx context.Context, record slog.Record) error {
	if kind, ok := strangerOf(record); ok && !s.counts.passes(kind) {
		return nil
	}
	return s.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (s strangersLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return strangersLog{s.Handler.WithAttrs(attrs), s.counts}
}

// WithGroup implements slog.Handler.
func (s strangersLog) WithGroup(name string) slog.Handler {
	return strangersLog{s.Handler.WithGroup(name), s.counts}
}

// strangerOf tells the kind of a line that anybody on the network can cause. Who turns debug on wants to see them all.
func strangerOf(record slog.Record) (kind strangerKind, ok bool) {
	switch record.Message {
	case "connection_closed", "connect_refused":
	default:
		return kind, false
	}
	if record.Level < slog.LevelInfo {
		return kind, false
	}
	kind.event, ok = record.Message, true
	record.Attrs(func(attr slog.Attr) bool {
		switch attr.Key {
		case "account":
			ok = false
		case "code":
			kind.code = attr.Value.String()
		}
		return ok
	})
	return kind, ok
}

func (c *strangerCounts) passes(kind strangerKind) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.lines[kind]; !known && len(c.lines) >= strangerKinds {
		kind = strangerKind{kind.event, "other"}
	}
	c.lines[kind]++
	return c.lines[kind] <= strangerLines
}

// run sums up once a minute until ctx ends. It returns nil; what is left then is for the last sumUp.
func (s strangersLog) run(ctx context.Context) error {
	tick := time.NewTicker(strangerInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.sumUp(ctx)
		}
	}
}

// sumUp tells what was left out since the last time, one line for each kind.
func (s strangersLog) sumUp(ctx context.Context) {
	s.counts.mu.Lock()
	lines := s.counts.lines
	s.counts.lines = map[strangerKind]int{}
	s.counts.mu.Unlock()
	log := slog.New(s.Handler)
	for _, kind := range slices.SortedFunc(maps.Keys(lines), func(a, b strangerKind) int {
		return strings.Compare(a.event+a.code, b.event+b.code)
	}) {
		if left := lines[kind] - strangerLines; left > 0 {
			log.LogAttrs(ctx, slog.LevelInfo, "lines_left_out", slog.String("event", kind.event), slog.String("code", kind.code),
				slog.Int("lines", left))
		}
	}
}
