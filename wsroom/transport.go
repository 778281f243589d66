package wsroom

import "unique"

// What protocols need whose connection is not one WebSocket from its beginning to its end: Socket.IO begins with requests that are held, may
// change to a WebSocket later, and may leave its room without hanging up.

// Rest ends a turn of taking before Take has answered with nothing: what was taken is written, and the taker goes away. If there is more, or an
// ending, the receiver is woken at once.
func (m *Member) Rest() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes -= m.inHand
	m.taken, m.inHand = 0, 0
	m.wrote = m.given
	if m.stage == left {
		return
	}
	if m.ahead.len() == 0 {
		m.drain()
	}
	m.awake = false
	if m.ahead.len() > 0 || m.stage == live && m.queue.len() > 0 || m.ending != nil {
		m.wake()
	}
}

// Switch gives the member another receiver, which is woken at once if there is anything to take. Nobody may be taking meanwhile.
func (m *Member) Switch(r Receiver) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.receiver = r
	if m.awake && m.stage != left {
		r.Wake()
	}
}

// Part takes the member out of its room, back to where it was after Attach; what is queued for it is dropped. It may Join again.
func (m *Member) Part() {
	h := m.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.where != inRoom || m.stage == left {
		return
	}
	h.remove(m)
	h.members--
	h.metrics.Left(m.protocol.name)
	m.account = ""
	m.facts.subject, m.facts.expires = unique.Handle[string]{}, 0
	h.wait(m)
	m.stage = attached
	for ; m.queue.len() > 0; m.queue.drop() {
		m.bytes -= len(m.queue.front().frame)
	}
}

// Withdraw is Retire for a member whose client goes on elsewhere: it returns what was told and not taken. Events that wait are not among that: the log has
// them. Nobody may be taking meanwhile.
func (m *Member) Withdraw() (told []*Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ; m.ahead.len() > 0; m.ahead.drop() {
		told = append(told, m.ahead.front())
	}
	m.retire()
	return told
}

// giveUp is for whoever does not hold the member's lock.
func (m *Member) giveUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.receiver.GiveUp()
}
