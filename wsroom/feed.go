package wsroom

import "log/slog"

// The methods that the feed calls, one goroutine: Open once it runs, then for each batch Claim, Publish…, Settle; Suspend when the database
// goes away; Resync when the log went back.

// Open says that the feed runs and has published everything up to seq, so that connections can be taken. After a Suspend it may be called
// again; it never moves the position back: who joined at a later claim keeps it.
func (h *Hub) Open(seq int64, cursor string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := place{seq, cursor}
	if seq > h.position.seq || !h.opened {
		h.position = at
	}
	if seq > h.settled.seq || !h.opened {
		h.settled = settlement{place: at}
	}
	h.opened, h.available = true, true
}

// Suspend says that the database is away: who is here stays, who comes is told to come later. Open, Claim and Resync end it.
func (h *Hub) Suspend() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.available = false
}

// Claim says: I am about to publish everything up to upTo, who is here? It answers with the accounts that have members, and moves the
// position, both at the same instant: whoever joins later starts after upTo, so what is about to be published is for nobody who is not in the
// answer. The map must not be changed; it stays as it is, also when the hub moves on. It may hold accounts that have left since the claim
// before: it is made anew only when somebody came, or many left, because most batches find the same accounts here.
func (h *Hub) Claim(upTo int64, cursor string) map[string]struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.available = true
	if upTo > h.position.seq {
		h.position = place{upTo, cursor}
	}
	if h.arrived || h.departed > len(h.claimed)/4 {
		h.claimed = make(map[string]struct{}, len(h.rooms))
		for account := range h.rooms {
			h.claimed[account] = struct{}{}
		}
		h.arrived, h.departed = false, 0
	}
	return h.claimed
}

// Publish queues an event for the account's members and returns for how many. It never blocks: a member whose queue is full is evicted, and
// closed by its own goroutine. Members whose stream starts at seq or later are passed over. data must be compact JSON; it is not kept.
func (h *Hub) Publish(account, id string, seq int64, event string, data []byte) (members int) {
	h.publishing.Lock()
	defer h.publishing.Unlock()

	// The room is copied, so that joining it never waits for 10,000 queues. Who joins meanwhile starts after the claim.
	h.mu.Lock()
	h.audience = append(h.audience[:0], h.rooms[account]...)
	h.mu.Unlock()
	defer clear(h.audience)

	publication := publication{Event: Event{ID: id, Seq: seq, Name: event, Data: data}, tracer: h.tracer}
	for _, m := range h.audience {
		if m.offer(&publication) {
			members++
		}
	}
	return members
}

// Settle says that everything up to upTo has been published: idle clients may be told its cursor.
func (h *Hub) Settle(upTo int64, cursor string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if upTo > h.settled.seq {
		h.settled = settlement{place: place{upTo, cursor}}
	}
}

// Resync says that the log went back, to seq: what was published after it no longer happened, so everybody is closed and comes back with a
// cursor that the log will judge. What still waits in queues is dropped. Who joins from now on starts at seq.
func (h *Hub) Resync(seq int64, cursor string) {
	h.mu.Lock()
	h.position = place{seq, cursor}
	h.settled = settlement{place: h.position}
	h.opened, h.available = true, true
	members := h.everybody()
	h.mu.Unlock()
	h.logger.Warn("rooms_resynced", slog.Int64("seq", seq), slog.Int("members", len(members)))
	for _, m := range members {
		m.End(Resync, false)
	}
}

// everybody copies who is in a room.
func (h *Hub) everybody() []*Member {
	members := make([]*Member, 0, h.members)
	for _, room := range h.rooms {
		members = append(members, room...)
	}
	return members
}

// Refresh keeps the cursor of an idle member fresh: if the last event that it was sent is still known, so nothing was sent since the caller
// asked before, and something has been settled after it, the settled cursor is queued. It returns what to ask with next time; the first time that
// is the position of Join. The queue keeps the cursor behind every event that it covers: those were queued before they were settled.
func (m *Member) Refresh(known int64) int64 {
	h := m.hub
	h.mu.Lock()
	seq, message := h.settled.seq, h.settled.message(m.protocol)
	h.mu.Unlock()

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stage == live && m.ending == nil && m.last == known && m.last < seq && m.push(message) {
		m.last = seq
	}
	return m.last
}
