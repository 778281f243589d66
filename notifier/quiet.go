package notifier

import (
	"context"
	"log/slog"
	"time"
)

// quietInterval is how often one kind of trouble may appear in the log.
const quietInterval = time.Minute

// quietLog writes trouble that can repeat thousands of times: the first of a kind at once, then at most one
// line a minute, which tells how many it stands for. Kinds must come from a bounded set. One goroutine only.
type quietLog struct {
	log   *slog.Logger
	kinds map[string]*quietKind
}

type quietKind struct {
	last    time.Time
	skipped int
}

func newQuietLog(log *slog.Logger) *quietLog {
	return &quietLog{log: log, kinds: map[string]*quietKind{}}
}

func (q *quietLog) warn(ctx context.Context, event, kind string, attrs ...slog.Attr) {
	k := q.kinds[event+" "+kind]
	if k == nil {
		k = &quietKind{}
		q.kinds[event+" "+kind] = k
	}
	if !k.last.IsZero() && time.Since(k.last) < quietInterval {
		k.skipped++
		return
	}
	attrs = append(attrs, slog.String("kind", kind), slog.Int("unlogged_before", k.skipped))
	q.log.LogAttrs(ctx, slog.LevelWarn, event, attrs...)
	k.last, k.skipped = time.Now(), 0
}
