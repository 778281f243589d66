package wsroom

// Limits is how much a hub takes. Zero is no limit, but for a member's queue, where it stands for the default.
type Limits struct {
	Connections  int  // in all: members, and those who have not said yet who they are, who may be a part of it (waitingShare)
	PerAccount   int  // in one room
	PerAddress   int  // from one client address; of IPv6 a /64, which is what one customer has
	PerSecond    int  // new ones; five seconds' worth may come at once
	SparePrivate bool // PerAddress does not hold for private addresses: one may be a proxy with everybody behind it

	QueueMessages int // that may wait for a member: 4096
	QueueBytes    int // 4 MiB; a single message may be larger
}

const (
	defaultQueueMessages = 4096
	defaultQueueBytes    = 4 << 20
	burstSeconds         = 5
)

// SetLimits replaces the limits, also while connections come and go. Who is here stays, however many that are; but a queue that has more in it than it
// may ends its member at the next message.
func (h *Hub) SetLimits(l Limits) {
	h.maxMessages.Store(int64(orDefault(l.QueueMessages, defaultQueueMessages)))
	h.maxBytes.Store(int64(orDefault(l.QueueBytes, defaultQueueBytes)))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.door.limits = l
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// over reports whether one more would be over the limit.
func over(n, limit int) bool { return limit > 0 && n >= limit }

// waitingShare is how many of all connections may be of people who have not said who they are: a quarter, and all of a small limit.
func (l Limits) waitingShare() int {
	return max(l.Connections/4, min(l.Connections, 1000))
}
