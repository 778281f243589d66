package notifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// tellBeginning says what is wrong and, where it can be found out, whose doing it is.
func (w *Watch) tellBeginning(ctx context.Context, code string, l look) {
	switch code {
	case PumpStuck:
		attrs := w.findHolder(ctx)
		if l.staged > 0 { // otherwise the look was kept out, too
			attrs = append(attrs, slog.Int("staged", l.staged), slog.Duration("oldest", l.oldest))
		}
		w.log.LogAttrs(ctx, slog.LevelWarn, PumpStuck, attrs...)
	case StagingGrowing:
		w.log.LogAttrs(ctx, slog.LevelWarn, StagingGrowing, slog.Int("staged", l.staged), slog.Duration("oldest", l.oldest))
	case ReleaseFailing:
		problem := l.firstProblem
		if problem == "" || problem == "guarded" {
			problem = "untried"
		}
		w.log.LogAttrs(ctx, slog.LevelWarn, ReleaseFailing, slog.Int("effects", l.failing),
			slog.Int64("first_seq", l.firstFailing), slog.String("first_problem", problem))
	case ListenerDown:
		w.log.LogAttrs(ctx, slog.LevelWarn, ListenerDown, slog.Duration("grace", w.downFor))
	case NotifyQueueFull:
		w.log.LogAttrs(ctx, slog.LevelWarn, NotifyQueueFull, slog.Float64("usage", l.queue))
	} // ListenerDeaf is the listener's own line
}

func (w *Watch) tellEnd(ctx context.Context, code string, after time.Duration) {
	lasted := slog.Duration("lasted", after)
	switch code {
	case PumpStuck:
		w.log.LogAttrs(ctx, slog.LevelInfo, "pump_recovered", lasted)
	case StagingGrowing:
		w.log.LogAttrs(ctx, slog.LevelInfo, "staging_recovered", lasted)
	case ReleaseFailing:
		w.log.LogAttrs(ctx, slog.LevelInfo, "release_recovered", lasted)
	case ListenerDown:
		w.log.LogAttrs(ctx, slog.LevelInfo, "listener_recovered", lasted)
	case NotifyQueueFull:
		w.log.LogAttrs(ctx, slog.LevelInfo, "notify_queue_recovered", lasted)
	}
}

// findHolder names the session that keeps the pump out, and what ends it. An application's name is its own choice,
// and all that a role without further rights may know of another role's session.
func (w *Watch) findHolder(ctx context.Context) []slog.Attr {
	ctx, cancel := context.WithTimeoutCause(ctx, watchTimeout, errWatchTimeout)
	defer cancel()
	for _, query := range []string{holderTableSQL, holderRowSQL} { // this order: the second would wait for a table
		var (
			pid               int
			role, application string
		)
		switch err := w.ask(ctx, query, nil, &pid, &role, &application); {
		case err == nil:
			return []slog.Attr{
				slog.Int("held_by_pid", pid), slog.String("held_by_role", role), slog.String("held_by_application", application),
				slog.String("remedy", fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid)),
			}
		case !errors.Is(err, pgx.ErrNoRows):
			return []slog.Attr{slog.Any("holder_unknown", conceal(err))}
		}
	}
	return []slog.Attr{slog.String("remedy", "nobody was found: see pg_prepared_xacts and pg_locks")}
}
