package notifier

import (
	"context"
	"fmt"
)

// bellLease is for how long writers ring after a look: three looks, so that one may be late. The queue does not go from
// half full to full in that time.
const bellLease = 3 * watchInterval

// lend lets the clinic's writers ring. They ask nobody else: how full the queue of NOTIFY is, PostgreSQL tells nobody
// while it is being emptied, which takes seconds.
func (w *Watch) lend(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, watchTimeout, errWatchTimeout)
	defer cancel()
	if _, err := w.pool.Exec(ctx, lendSQL, bellLease.Seconds()); err != nil {
		return fmt.Errorf("lend the bell: %w", err)
	}
	return nil
}
