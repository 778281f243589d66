package wsroom

import (
	"container/list"
	"net/netip"
	"sync"
)

// Receiver is the connection behind a member: a WebSocket, or a session of HTTP long-polling. Both methods are called by whoever publishes
// or ends, under the member's lock: they must not block, do no I/O and not call the member.
type Receiver interface {
	// Wake says that there is something to Take, or an ending to carry out: start a writer, release the held request. It is not called again
	// before Take has answered with nothing.
	Wake()
	// GiveUp says that the member is being ended without regard for what is under way: a write that blocks should end soon.
	GiveUp()
}

// EndingReceiver is a Receiver that is told of the ending at once, under the same rules: one for which nobody may come to Take it.
type EndingReceiver interface {
	Ending(reason *Ending)
}

// Member is a connection's place in the hub: first only counted, then in the room of its account, where it collects what is published behind
// what is being replayed, and then live. A Member belongs to one connection and is used once.
//
//	Admit ── Attach ── Join(account) ── Live(replayed) ── … Take … ── Leave
//	                         └ buffering ┘      └ woken for each batch ┘
//
// End may come at any time, from either side.
type Member struct {
	hub      *Hub
	protocol *Protocol
	receiver Receiver

	mu     sync.Mutex
	stage  stage
	awake  bool
	taken  int32 // messages that the writer has in hand: they count until it comes back
	queue  queue
	ahead  queue         // told: taken before the queue, at any stage
	dry    chan struct{} // see Drained
	bytes  int           // queued and taken
	inHand int           // bytes taken
	start  int64         // events up to here are not for this member
	last   int64         // the last event that was queued for it or told to it
	given  int64         // the last that the writer has taken
	wrote  int64         // and has come back from
	ending *Ending       // set once

	from   netip.AddrPort // set once, before anybody else knows the member, as the next
	number int64
	facts  facts

	account string // these four are guarded by the hub's lock; whoever sets the account holds the member's, too
	index   int
	waits   *list.Element // in Hub.waiting
	where   where
}

type stage uint8

const (
	attached stage = iota
	buffering
	live
	left
)

// where a member is held by the hub.
type where uint8

const (
	nowhere where = iota
	admitted
	waiting
	inRoom
	dismissed // sent away while it waited
)

// Account is the room's key, "" before Join.
func (m *Member) Account() string {
	m.hub.mu.Lock()
	defer m.hub.mu.Unlock()
	return m.account
}

// From is the client's address, as Admit was told.
func (m *Member) From() netip.AddrPort { return m.from }

// Live ends buffering: everything up to the event replayed has been delivered past the queue, what is queued behind it follows. Events are
// neither lost nor doubled, because Join took the member into the room and told the position up to which to replay at the same instant.
func (m *Member) Live(replayed int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stage != buffering {
		return
	}
	m.stage = live
	m.start = max(m.start, replayed)
	m.last = max(m.last, replayed)
	for m.queue.len() > 0 && m.queue.front().seq <= m.start && m.queue.front().seq != 0 {
		m.bytes -= len(m.queue.front().frame)
		m.queue.drop()
	}
	if m.queue.len() > 0 {
		m.wake()
	}
}

// offer queues an event if it is for this member, and reports whether it did. It does not block.
func (m *Member) offer(event *publication) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ending != nil || m.stage == attached || m.stage == left || event.Seq <= m.start {
		return false
	}
	m.last = event.Seq
	message := event.message(m.protocol)
	if m.push(message) {
		return true
	}
	if message.trace != nil {
		message.trace.Evicted(m.ID())
	}
	return false
}

// Tell queues a message of the connection's own ahead of everything that waits for Live: it is taken at any stage after Attach. For protocols
// that talk before the live stream and beside it. It reports whether it was queued.
func (m *Member) Tell(message *Message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.receiver == nil || m.ending != nil || m.stage == left {
		return false
	}
	if !m.put(&m.ahead, message) {
		return false
	}
	m.wake()
	return true
}

// Drained returns a channel that is closed when everything told so far is written, or the member ends: so that who has much to tell can wait.
func (m *Member) Drained() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dry == nil {
		m.dry = make(chan struct{})
	}
	dry := m.dry
	if m.ending != nil || m.stage == left || m.ahead.len() == 0 && m.taken == 0 {
		m.drain()
	}
	return dry
}

func (m *Member) drain() {
	if m.dry != nil {
		close(m.dry)
		m.dry = nil
	}
}

// Send queues a message of the connection's own, in order with the events. It reports whether it was queued.
func (m *Member) Send(message *Message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ending != nil || m.stage == left {
		return false
	}
	return m.push(message)
}

// SendLive is Send for a member that is live; of another it reports false.
func (m *Member) SendLive(message *Message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stage != live {
		return false
	}
	if m.ending == nil {
		m.push(message)
	}
	return true
}

// push queues what waits for Live.
func (m *Member) push(message *Message) bool {
	if !m.put(&m.queue, message) {
		return false
	}
	if m.stage == live {
		m.wake()
	}
	return true
}

// put queues, or evicts the member if there is no room. A message that is alone may be of any size.
func (m *Member) put(q *queue, message *Message) bool {
	held := m.queue.len() + m.ahead.len() + int(m.taken)
	switch {
	case int64(held) >= m.hub.maxMessages.Load():
		m.hub.metrics.Evicted("messages")
		m.end(Slow, false)
		return false
	case held > 0 && int64(m.bytes+len(message.frame)) > m.hub.maxBytes.Load():
		m.hub.metrics.Evicted("bytes")
		m.end(Slow, false)
		return false
	}
	q.push(message)
	m.bytes += len(message.frame)
	return true
}

func (m *Member) wake() {
	if !m.awake {
		m.awake = true
		m.receiver.Wake()
	}
}

// Take gives the writer what is queued, oldest first: as many messages as fit into maxBytes, at least one, and no more than dst has capacity
// for. What it gave before counts against the member's limits until this call, so a writer that is stuck does not earn a second queue. With
// nothing left it returns the member's ending, if it has one and everything before it was taken; or nil, and then the next message wakes the
// receiver again. One goroutine at a time.
func (m *Member) Take(dst []*Message, maxBytes int) ([]*Message, *Ending) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes -= m.inHand
	m.taken, m.inHand = 0, 0
	m.wrote = m.given
	dst = m.collect(dst[:0], &m.ahead, maxBytes)
	if m.stage == live && m.ahead.len() == 0 {
		dst = m.collect(dst, &m.queue, maxBytes)
	}
	m.taken = int32(len(dst)) //nolint:gosec // a batch
	if n := len(dst); n > 0 {
		m.given = max(m.given, dst[n-1].seq)
		return dst, nil
	}
	m.drain()
	if m.ending == nil {
		m.awake = false
	}
	return dst, m.ending
}

// collect moves messages into dst, as far as it and maxBytes allow.
func (m *Member) collect(dst []*Message, q *queue, maxBytes int) []*Message {
	for ; q.len() > 0 && len(dst) < cap(dst); q.pop() {
		message := q.front()
		if len(dst) > 0 && m.inHand+len(message.frame) > maxBytes {
			break
		}
		dst = append(dst, message)
		m.inHand += len(message.frame)
	}
	return dst
}

// End ends the connection for this reason; the first reason counts. With flush, a live member's queue goes out before. It is the receiver
// that carries it out, when it comes to it in Take. End reports whether its reason was the first.
func (m *Member) End(reason *Ending, flush bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end(reason, flush)
}

func (m *Member) end(reason *Ending, flush bool) bool {
	if m.ending != nil {
		return false
	}
	m.ending = reason
	if !flush || m.stage != live {
		m.queue.clear()
		m.ahead.clear()
		m.bytes = m.inHand
		m.drain()
		m.receiver.GiveUp()
	}
	if m.stage != left {
		m.wake()
		if told, ok := m.receiver.(EndingReceiver); ok {
			told.Ending(reason)
		}
	}
	return true
}

// Ended returns the reason for which the connection ends, nil if it does not.
func (m *Member) Ended() *Ending {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ending
}

// Idle reports whether everything is written that was told, or was queued for a live member.
func (m *Member) Idle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.awake
}

// Leave takes the member out of the hub: nothing is queued for it any more and Wake is not called again. The connection's last act.
func (m *Member) Leave() {
	m.Retire()
	m.hub.leave(m)
}

// Retire is the first half of Leave, after which no goroutine is started for the member, so that its owner can wait for those that run
// before it is counted as gone.
func (m *Member) Retire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retire()
}

func (m *Member) retire() {
	m.stage = left
	m.queue.clear()
	m.ahead.clear()
	m.drain()
}
