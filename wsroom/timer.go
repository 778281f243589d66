package wsroom

import (
	"time"

	"notifier/wsroom/socket"
)

// expiryNotice is how long before a token's end its holder is told. A token with less than that left is announced at half of what it has left:
// at once would make a client with short tokens renew without end.
const expiryNotice = time.Minute

// pingMessage is the ping of every connection.
var pingMessage = &Message{frame: socket.Ping()}

// tick does what is due and sets the timer for the next. Nothing in it blocks: frames are queued for the writer.
func (s *session) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.member.Ended() != nil {
		return
	}
	h, now := s.handler, s.handler.now()
	if reason := s.Overdue(now, s, h.PingTimeout); reason != nil {
		s.member.End(reason, false)
		return
	}
	if s.NoticeAt != 0 && time.Now().UnixMilli() >= s.NoticeAt {
		s.NoticeAt = 0
		s.member.Send(NewMessage(appendExpiry(nil, "expiring", time.UnixMilli(s.ExpiresAt))))
	}
	if s.Ping(now, s, h.PingInterval, h.PingTimeout) {
		s.member.Send(pingMessage)
	}
	s.Refresh(now, &s.member, h.CursorRefresh)
	s.arm()
}

// Heard and Busy implement Peer.
func (s *session) Heard() bool { return s.conn.Heard() }
func (s *session) Busy() bool  { return !s.member.Idle() }

// arm sets the timer for what is due next. Under mu.
func (s *session) arm() {
	wait := s.Wait(s.handler.now())
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.tick)
		return
	}
	s.timer.Reset(wait)
}

// lives gives the session its token's end. Under mu.
func (s *session) lives(until time.Time) {
	s.ExpiresAt = until.UnixMilli()
	left := time.Until(until)
	if left > expiryNotice {
		left = expiryNotice
	} else {
		left /= 2
	}
	s.NoticeAt = s.ExpiresAt - left.Milliseconds()
}
