package wsroom

import "net/netip"

// Available says whether connections are taken: nil, ErrUnavailable or ErrDraining.
func (h *Hub) Available() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open()
}

func (h *Hub) open() error {
	switch {
	case h.draining:
		return ErrDraining
	case !h.available:
		return ErrUnavailable
	}
	return nil
}

// Attach makes a member of a connection that has not said who it is: from now on it can be told to go, with the others. One that was not Admitted is, without
// an address. After nil it must Leave, as after Admit.
func (h *Hub) Attach(m *Member, p *Protocol, r Receiver) error {
	if m.hub == nil {
		if err := h.Admit(m, netip.AddrPort{}); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.open(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.protocol, m.receiver = p, r
	h.wait(m)
	h.protocols[p.name]++
	return nil
}

// Join takes the member into the room of its account, buffering, and tells where its stream starts: the position H at this instant, and its
// cursor. Everything after H will be queued. What the client missed before H is for the caller to replay, up to H, and then to call Live.
// ErrTooMany: the room is full, and the member may try again.
func (m *Member) Join(account string) (position int64, cursor string, err error) {
	h := m.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.open(); err != nil {
		return 0, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stage != attached || m.ending != nil {
		return 0, "", ErrUnavailable // it is ending already; the first reason counts
	}
	if !h.hasRoom(account) {
		return 0, "", ErrTooMany
	}
	m.stage = buffering
	m.start, m.last = h.position.seq, h.position.seq
	h.stopWaiting(m)
	room, known := h.rooms[account]
	if !known {
		h.accountCame(account)
	}
	m.account, m.index, m.where = account, len(room), inRoom
	h.rooms[account] = append(room, m)
	h.members++
	h.metrics.Joined(m.protocol.name)
	return h.position.seq, h.position.cursor, nil
}

// leave takes a member out of where it is.
func (h *Hub) leave(m *Member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch m.where {
	case nowhere:
		return // it has left before
	case waiting:
		h.stopWaiting(m)
	case inRoom:
		h.remove(m)
		h.members--
		h.metrics.Left(m.protocol.name)
	case admitted, dismissed: // only the door knows it
	}
	h.door.leaves(m)
	if m.where != admitted {
		h.protocols[m.protocol.name]--
	}
	m.where = nowhere
	h.checkEmpty()
}

// remove puts the room's last member into the place of the one that leaves.
func (h *Hub) remove(m *Member) {
	room := h.rooms[m.account]
	last := len(room) - 1
	room[m.index] = room[last]
	room[m.index].index = m.index
	room[last] = nil
	if last == 0 {
		delete(h.rooms, m.account)
		h.departed++
		return
	}
	h.rooms[m.account] = room[:last]
}

// accountCame notes that the next Claim has more to tell than the last.
func (h *Hub) accountCame(account string) {
	if _, known := h.claimed[account]; known {
		h.departed--
	} else {
		h.arrived = true
	}
}

func (h *Hub) checkEmpty() {
	if h.draining && h.members == 0 && h.waiting.Len() == 0 && h.door.dismissed == 0 {
		select {
		case <-h.empty:
		default:
			close(h.empty)
		}
	}
}
