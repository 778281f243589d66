package wsroom

import (
	"errors"
	"net/netip"
	"time"
)

// ErrTooMany is why Admit, Attach and Join refuse a connection that is over a limit: TooManyConnections is what to tell the client.
var ErrTooMany = errors.New("wsroom: too many connections")

const (
	// waitingGrace is how long a connection that has not said who it is is left alone, however many wait: longer than who has a token takes.
	waitingGrace = time.Second
	// maxTelling is how many connections at a time are told in a WebSocket's close frame that there is no room for them, which costs a socket for
	// two seconds if the client is of that kind. Beyond, nobody is let in to be told.
	maxTelling = 1000
)

// door counts who is let in. Under the hub's lock; nothing here depends on how many there are. Everybody is counted whatever the limits are, because these may
// change.
type door struct {
	limits    Limits
	taken     int              // connections that were let in and have neither left nor been sent away
	addresses map[uint64]int32 // connections by client address, those being sent away included
	level     float64          // of the bucket of new connections
	at        time.Duration    // when that was
	refusing  int              // refused, and being told: see mayTell
	dismissed int              // sent away while they waited, and not gone yet
}

// waiter is a member that is attached and in no room, in the order of coming.
type waiter struct {
	member *Member
	since  time.Duration
}

// Admit lets a new connection in before its handshake is answered, or says why not: ErrUnavailable, ErrDraining or ErrTooMany. After nil it is counted until
// Leave, and is to be Attached. The member is the caller's, best as a field of its connection, and new. The address need not be valid.
func (h *Hub) Admit(m *Member, from netip.AddrPort) error { return h.admit(m, from, true) }

// AdmitMoved is Admit for a connection that was another hub's: it is new to this one only, and not held up by how many come per second.
func (h *Hub) AdmitMoved(m *Member, from netip.AddrPort) error { return h.admit(m, from, false) }

func (h *Hub) admit(m *Member, from netip.AddrPort, isNew bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.open(); err != nil {
		return err
	}
	if limit := h.refuses(from.Addr(), isNew); limit != "" {
		h.metrics.Refused(limit)
		return ErrTooMany
	}
	h.numbers++
	m.hub, m.from, m.where, m.number = h, from, admitted, h.numbers
	m.facts.since = h.now()
	h.door.taken++
	if from.IsValid() {
		h.door.addresses[addressKey(from.Addr())]++
	}
	return nil
}

// refuses names the limit that one more connection would be over, "" if there is none. It may make room for it.
func (h *Hub) refuses(from netip.Addr, isNew bool) (limit string) {
	d := &h.door
	d.leak(h.now())
	switch {
	case from.IsValid() && over(int(d.addresses[addressKey(from)]), d.limits.PerAddress) && !(d.limits.SparePrivate && private(from)):
		return "address"
	case isNew && d.full():
		return "rate"
	case d.limits.Connections > 0:
		limit = h.makeRoom()
	}
	if isNew && limit == "" {
		d.level++
	}
	return limit
}

// makeRoom is for the limit on all connections, and on those of them that wait.
func (h *Hub) makeRoom() (limit string) {
	d := &h.door
	switch {
	case d.taken > d.limits.Connections, // it was lowered
		d.taken == d.limits.Connections && !h.dismissOldest():
		return "connections"
	case h.waiting.Len() >= d.limits.waitingShare() && !h.dismissOldest():
		return "waiting"
	}
	return ""
}

// leak brings the bucket of new connections up to date. Without a limit it is empty.
func (d *door) leak(now time.Duration) {
	if d.level = max(0, d.level-float64(d.limits.PerSecond)*(now-d.at).Seconds()); d.limits.PerSecond <= 0 {
		d.level = 0
	}
	d.at = now
}

// full reports whether the bucket has no room for one more.
func (d *door) full() bool {
	return d.limits.PerSecond > 0 && d.level+1 > burstSeconds*float64(d.limits.PerSecond)
}

// dismissOldest makes room by sending away who has waited longest, so that strangers cannot keep out who has a token. It reports false if nobody has waited
// for long, or too many are being told already.
func (h *Hub) dismissOldest() bool {
	oldest := h.waiting.Front()
	if oldest == nil || h.door.telling() >= maxTelling {
		return false
	}
	w := oldest.Value.(waiter) //nolint:forcetypeassert // see wait
	if h.now()-w.since < waitingGrace {
		return false
	}
	h.stopWaiting(w.member)
	w.member.where = dismissed
	h.door.taken--
	h.door.dismissed++
	h.metrics.Refused("waiting")
	w.member.End(TooManyConnections, false)
	return true
}

// wait puts a member at the end of those who wait.
func (h *Hub) wait(m *Member) {
	m.where = waiting
	m.waits = h.waiting.PushBack(waiter{m, h.now()})
}

func (h *Hub) stopWaiting(m *Member) {
	h.waiting.Remove(m.waits)
	m.waits = nil
}

// everybodyWaiting copies who is attached and in no room.
func (h *Hub) everybodyWaiting() []*Member {
	members := make([]*Member, 0, h.waiting.Len())
	for e := h.waiting.Front(); e != nil; e = e.Next() {
		members = append(members, e.Value.(waiter).member) //nolint:forcetypeassert // see wait
	}
	return members
}

// leaves is the end of what Admit began.
func (d *door) leaves(m *Member) {
	if m.where == dismissed {
		d.dismissed--
	} else {
		d.taken--
	}
	if !m.from.IsValid() {
		return
	}
	key := addressKey(m.from.Addr())
	if d.addresses[key]--; d.addresses[key] == 0 {
		delete(d.addresses, key)
	}
}

func (d *door) telling() int { return d.refusing + d.dismissed }

// mayTell reports whether a connection that is refused may be let in to be told why, and counts it until told.
func (h *Hub) mayTell() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.door.telling() >= maxTelling {
		return false
	}
	h.door.refusing++
	return true
}

func (h *Hub) told() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.door.refusing--
}

// HasRoom reports whether one more member may join an account's room; if not, it counts as refused. For who wants to know before there is no way back: Join
// decides.
func (h *Hub) HasRoom(account string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hasRoom(account)
}

func (h *Hub) hasRoom(account string) bool {
	if over(len(h.rooms[account]), h.door.limits.PerAccount) {
		h.metrics.Refused("account")
		return false
	}
	return true
}
