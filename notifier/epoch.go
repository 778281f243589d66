package notifier

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
)

// changeEpoch follows the log to another server or timeline. Usually its end came along and nothing changes
// for anybody; when it did not, what was published after the cut is void. So is what was only claimed: nobody has
// heard of it, but who joined since then starts behind it, and would miss what is numbered again.
func (f *Feed) changeEpoch(ctx context.Context, end Cursor) error {
	told := max(f.at.Seq, f.claimed)
	known, cut, err := survived(ctx, f.pool, Cursor{Epoch: f.at.Epoch, Seq: told})
	if err != nil {
		return err
	}
	cut = min(cut, end.Seq)
	lost := !known || cut < told
	if known {
		cut = min(cut, f.at.Seq)
	} else { // it branched off before our epoch: where, it cannot tell, so everybody starts afresh at its end
		cut = end.Seq
	}
	f.log.LogAttrs(ctx, slog.LevelWarn, "epoch_changed", slog.String("from", f.at.String()),
		slog.String("to", end.String()), slog.Int64("cut_after", cut), slog.Bool("tail_lost", lost))
	f.at = Cursor{Epoch: end.Epoch, Seq: cut}
	f.tracer.Settled(cut)
	if lost {
		f.claimed = cut
		f.rooms.Resync(f.at.Seq, f.at.String())
	}
	return nil
}

// skipGap goes on before first, where the log begins: the retention has overtaken a daemon that was away for
// longer. Its clients cannot be given what is gone; they are told to start afresh.
func (f *Feed) skipGap(ctx context.Context, first int64) {
	f.log.LogAttrs(ctx, slog.LevelWarn, "log_cut_behind_place", slog.String("place", f.at.String()), slog.Int64("first", first))
	f.at.Seq = first - 1
	f.tracer.Settled(f.at.Seq)
	f.rooms.Resync(f.at.Seq, f.at.String())
}

// survived asks the log whether it knows the epoch of a place, and up to where what was numbered until the place
// is still in it.
func survived(ctx context.Context, pool *pgxpool.Pool, place Cursor) (known bool, seq int64, err error) {
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	if err := pool.QueryRow(ctx, survivedSQL, place.Epoch, place.Seq).Scan(&known, &seq); err != nil {
		return false, 0, fmt.Errorf("read epochs: %w", err)
	}
	return known, seq, nil
}
