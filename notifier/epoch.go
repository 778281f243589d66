package notifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// changeEpoch follows the log to another server or timeline. Usually its end came along and nothing changes
// for anybody; when it did not, what was published after the cut is void.
func (f *Feed) changeEpoch(ctx context.Context, end Cursor) error {
	cut, ok, err := lostAfter(ctx, f.pool, f.at.Epoch)
	if err != nil {
		return err
	}
	if !ok || end.Epoch < f.at.Epoch { // an older copy of the log, which knows nothing of our epoch
		cut = min(end.Seq, f.at.Seq)
	}
	lost := cut < f.at.Seq || end.Epoch < f.at.Epoch
	f.log.LogAttrs(ctx, slog.LevelWarn, "epoch_changed", slog.String("from", f.at.String()),
		slog.String("to", end.String()), slog.Int64("cut_after", cut), slog.Bool("tail_lost", lost))
	if !lost {
		f.at.Epoch = end.Epoch
		return nil
	}
	f.moveTo(Cursor{Epoch: end.Epoch, Seq: cut})
	f.rooms.Resync(cut, f.at.String())
	return nil
}

// skipGap: the log begins behind our place, because the retention has overtaken a daemon that was away for
// longer. Its clients cannot be given what is gone; they are told to start afresh.
func (f *Feed) skipGap(ctx context.Context, first int64) error {
	f.log.LogAttrs(ctx, slog.LevelWarn, "log_cut_behind_place", slog.String("place", f.at.String()), slog.Int64("first", first))
	if first <= f.at.Seq {
		return fmt.Errorf("read the log: event %d after place %d", first, f.at.Seq)
	}
	f.moveTo(Cursor{Epoch: f.at.Epoch, Seq: first - 1})
	f.rooms.Resync(first-1, f.at.String())
	return nil
}

// lostAfter tells where the log was cut by the epochs after the given one; ok is false when there are none.
func lostAfter(ctx context.Context, pool *pgxpool.Pool, epoch int64) (seq int64, ok bool, err error) {
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	var cut *int64
	if err := pool.QueryRow(ctx, lostSQL, epoch).Scan(&cut); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, false, fmt.Errorf("read epochs: %w", err)
	}
	if cut == nil {
		return 0, false, nil
	}
	return *cut, true, nil
}
