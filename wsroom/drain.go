package wsroom

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Refuse takes no new members from now on, which is where Drain begins: for who has something to see to before everybody is told to go.
func (h *Hub) Refuse() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
	h.checkEmpty()
}

// Drain ends the hub: no new members; who has not joined yet is told to go at once; the members' queues are flushed and they are closed with
// 1012 "restart", spread evenly over the duration, so that the other servers do not get everybody in the same second. It waits until all are
// gone, or until ctx ends: then those that are left are cut off, and the error says how many. To be called once. Publishing may go on, for those
// whose turn has not come.
func (h *Hub) Drain(ctx context.Context, spread time.Duration) error {
	h.mu.Lock()
	h.draining = true
	members := h.everybody()
	waiting := h.everybodyWaiting()
	h.checkEmpty()
	h.mu.Unlock()
	h.logger.Info("rooms_draining", slog.Int("members", len(members)), slog.Int("waiting", len(waiting)), slog.Duration("spread", spread))

	for _, m := range waiting {
		m.End(Restart, true)
	}
	if h.closeSpread(ctx, members, spread) {
		select {
		case <-h.empty:
			return nil
		case <-ctx.Done():
		}
	}
	return h.cut(ctx)
}

// closeSpread ends the members one after the other and reports whether it came to the end before ctx did.
func (h *Hub) closeSpread(ctx context.Context, members []*Member, spread time.Duration) bool {
	began := time.Now()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for i, m := range members {
		due := time.Duration(float64(spread) * float64(i) / float64(len(members)))
		if wait := due - time.Since(began); wait > 0 {
			pause.Reset(wait)
			select {
			case <-pause.C:
			case <-h.empty:
				return true
			case <-ctx.Done():
				return false
			}
		}
		m.End(Restart, true)
	}
	return true
}

// cut ends without regard who is still here.
func (h *Hub) cut(ctx context.Context) error {
	h.mu.Lock()
	members := append(h.everybody(), h.everybodyWaiting()...)
	h.mu.Unlock()
	for _, m := range members {
		m.End(Restart, false)
		m.giveUp()
	}
	if len(members) == 0 {
		return nil
	}
	return fmt.Errorf("drain rooms: %d connections left: %w", len(members), context.Cause(ctx))
}
