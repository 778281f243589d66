package wsroom

// Metrics are the events of this package that are counted. Implementations must not block. No label is ever an account.
type Metrics interface {
	Joined(protocol string)           // a member is in its room
	Left(protocol string)             // and no longer
	Delivered(protocol string, n int) // n events were written to one connection
	Evicted(cause string)             // messages, bytes: the limit of the queue that a slow member was over
	Closed(code int)                  // a connection ended with this close code; 1006: without one
	Replayed(outcome string)          // recovered, refused, failed
}

// noMetrics counts nothing.
type noMetrics struct{}

func (noMetrics) Joined(string)         {}
func (noMetrics) Left(string)           {}
func (noMetrics) Delivered(string, int) {}
func (noMetrics) Evicted(string)        {}
func (noMetrics) Closed(int)            {}
func (noMetrics) Replayed(string)       {}
