package notifier

import "time"

// Metrics are told what happens. Implementations must not block; they are called from several goroutines.
type Metrics interface {
	// BellHeard: outcome is "ok", "event" (a daemon's pump, our own included), or "garbage".
	BellHeard(outcome string)
	ListenerUp(up bool)
	// ListenerReconnected: it is up again after having been lost.
	ListenerReconnected()
	Pumped(events int, took time.Duration)
	// Handled counts an event that passed through: outcome is "delivered" (to members here) or "nobody" (no
	// member of its account here).
	Handled(outcome string)
	// Tombstone counts an event, live or replayed, that is sent without its appointment's data.
	Tombstone()
	// Delay is the time from the row's change to the handing over to the members' queues.
	Delay(d time.Duration)
	// Released: outcome is an effect's ("released", "was_free", "guarded", "gone") or "failed".
	Released(outcome string)
	// Pruned counts events that the retention removed.
	Pruned(events int)
}

// NoMetrics ignores everything.
type NoMetrics struct{}

// BellHeard implements Metrics, as the other methods do.
func (NoMetrics) BellHeard(string)          {}
func (NoMetrics) ListenerUp(bool)           {}
func (NoMetrics) ListenerReconnected()      {}
func (NoMetrics) Pumped(int, time.Duration) {}
func (NoMetrics) Handled(string)            {}
func (NoMetrics) Tombstone()                {}
func (NoMetrics) Delay(time.Duration)       {}
func (NoMetrics) Released(string)           {}
func (NoMetrics) Pruned(int)                {}
