package notifier

import (
	"context"
	"log/slog"
	"time"
)

const (
	// quietInterval is how often one kind of trouble may appear in the log.
	quietInterval = time.Minute
	// quietOutages is how many of a kind may begin in that time and be told, each with its end: more of them are a link
	// that flaps, and one story.
	quietOutages = 5
)

// quietLog writes trouble that can repeat thousands of times: the first of a kind at once, then at most one
// line a minute, which tells how many it stands for. What happens again after it was over is new, and told at once.
// Kinds must come from a bounded set. One goroutine only.
type quietLog struct {
	log   *slog.Logger
	kinds map[string]map[string]*quietKind // by event, then kind
}

type quietKind struct {
	last    time.Time // when it was told
	skipped int
	told    bool // since it was over last
	outages int  // told since
	since   time.Time
}

func newQuietLog(log *slog.Logger) *quietLog {
	return &quietLog{log: log, kinds: map[string]map[string]*quietKind{}}
}

func (q *quietLog) warn(ctx context.Context, event, kind string, attrs ...slog.Attr) {
	k := q.kind(event, kind)
	now := time.Now()
	if now.Sub(k.since) >= quietInterval {
		k.since, k.outages = now, 0
	}
	isNew := !k.told && k.outages < quietOutages
	if !isNew && now.Sub(k.last) < quietInterval {
		k.skipped++
		return
	}
	attrs = append(attrs, slog.String("kind", kind), slog.Int("unlogged_before", k.skipped))
	q.log.LogAttrs(ctx, slog.LevelWarn, event, attrs...)
	if !k.told {
		k.outages++
	}
	k.last, k.skipped, k.told = now, 0, true
}

func (q *quietLog) kind(event, kind string) *quietKind {
	if q.kinds[event] == nil {
		q.kinds[event] = map[string]*quietKind{}
	}
	k := q.kinds[event][kind]
	if k == nil {
		k = &quietKind{}
		q.kinds[event][kind] = k
	}
	return k
}

// over says that what event is about has ended, and reports whether it was told, so that its end should be, too.
func (q *quietLog) over(event string) (told bool) {
	for _, k := range q.kinds[event] {
		told = told || k.told
		k.told = false
	}
	return told
}
