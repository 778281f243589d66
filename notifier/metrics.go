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
	// Delay is the time from the row's change to the handing over to the members' queues, by the database's clock.
	Delay(d time.Duration)
	// Released: outcome is an effect's ("released", "was_free", "guarded", "gone") or "failed".
	Released(outcome string)
	// Pruned counts events that the retention removed.
	Pruned(events int)
	// Staged: so many rows wait to be numbered (counted up to 100,000), the oldest since it was changed.
	Staged(rows int, oldest time.Duration)
	// Effects: so many wait to be settled (counted up to 10,000), and so many of these fail.
	Effects(waiting, failing int)
	// NotifyQueue: how full the server's queue is, from 0 to 1.
	NotifyQueue(usage float64)
	// Unseen: the database did not tell the last three, which are unknown until they come again.
	Unseen()
	// Peers: so many other daemons run on this database.
	Peers(daemons int)
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
func (NoMetrics) Staged(int, time.Duration) {}
func (NoMetrics) Effects(int, int)          {}
func (NoMetrics) NotifyQueue(float64)       {}
func (NoMetrics) Unseen()                   {}
func (NoMetrics) Peers(int)                 {}
