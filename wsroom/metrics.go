package wsroom

// Metrics are the events of this package that are counted. Implementations must not block. No label is ever an account.
type Metrics interface {
	Joined(protocol string)           // a member is in its room
	Left(protocol string)             // and no longer
	Delivered(protocol string, n int) // n events were written to one connection
	Evicted(cause string)             // messages, bytes: the limit of the queue that a slow member was over
	Closed(code int)                  // a connection ended with this close code; 1006: without one
	Replayed(outcome string)          // recovered, refused, failed
	Refused(limit string)             // connections, account, address, rate; waiting: let in, and sent away before it said who it is
}

// NoMetrics counts nothing.
type NoMetrics struct{}

func (NoMetrics) Joined(string)         {}
func (NoMetrics) Left(string)           {}
func (NoMetrics) Delivered(string, int) {}
func (NoMetrics) Evicted(string)        {}
func (NoMetrics) Closed(int)            {}
func (NoMetrics) Replayed(string)       {}
func (NoMetrics) Refused(string)        {}
