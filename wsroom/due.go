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

// due is what a session waits for, all on one timer: an instant of zero is not waited for. Instants are counted from the handler's beginning,
// on the monotonic clock, so that a clock that is set does not end connections; the token's end alone is by the wall clock.
type due struct {
	authBy    time.Duration // the first message
	pingAt    time.Duration // the next ping
	pongBy    time.Duration // the last ping's answer
	refreshAt time.Duration // the cursor frame
	known     int64         // see Member.Refresh
	noticeAt  int64         // Unix milliseconds (nanoseconds end in 2262, tokens may not): the expiring frame
	expiresAt int64         // Unix milliseconds
	cursor    string        // of the URL, until the first message
}

// tick does what is due and sets the timer for the next. Nothing in it blocks: frames are queued for the writer.
func (s *session) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.member.Ended() != nil {
		return
	}
	now, wall := s.handler.now(), time.Now().UnixMilli()
	switch {
	case passed(s.authBy, now):
		s.member.End(TokenMissing, false)
		return
	case s.expiresAt != 0 && wall >= s.expiresAt:
		s.member.End(TokenExpired, false)
		return
	case passed(s.pongBy, now) && !s.alive(now):
		s.member.End(Lost, false)
		return
	}
	if s.noticeAt != 0 && wall >= s.noticeAt {
		s.noticeAt = 0
		s.member.Send(NewMessage(appendExpiry(nil, "expiring", time.UnixMilli(s.expiresAt))))
	}
	if passed(s.pingAt, now) {
		s.pingAt = now + s.handler.PingInterval
		if s.conn.Heard() || s.pongBy == 0 { // the ping before, if its time is not over yet, is answered
			s.pongBy = now + s.handler.PingTimeout
		}
		s.member.Send(pingMessage)
	}
	if passed(s.refreshAt, now) {
		s.refreshAt = now + s.handler.CursorRefresh
		s.known = s.member.Refresh(s.known)
	}
	s.arm()
}

// alive judges a ping whose time is over: any byte since is an answer. A client with a backlog is left to the write deadline, because the ping
// itself may still be waiting behind it.
func (s *session) alive(now time.Duration) bool {
	switch {
	case s.conn.Heard():
		s.pongBy = 0
	case !s.member.Idle():
		s.pongBy = now + s.handler.PingTimeout
	default:
		return false
	}
	return true
}

func passed(instant, now time.Duration) bool { return instant != 0 && now >= instant }

// arm sets the timer for what is due next. Under mu.
func (s *session) arm() {
	now := s.handler.now()
	next := now + time.Hour
	for _, instant := range [...]time.Duration{s.authBy, s.pingAt, s.pongBy, s.refreshAt} {
		if instant != 0 {
			next = min(next, instant)
		}
	}
	wait := next - now
	for _, instant := range [...]int64{s.noticeAt, s.expiresAt} {
		if instant != 0 {
			wait = min(wait, time.Until(time.UnixMilli(instant)))
		}
	}
	wait = max(wait, 0)
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.tick)
		return
	}
	s.timer.Reset(wait)
}

// lives gives the session its token's end. Under mu.
func (s *session) lives(until time.Time) {
	s.expiresAt = until.UnixMilli()
	left := time.Until(until)
	if left > expiryNotice {
		left = expiryNotice
	} else {
		left /= 2
	}
	s.noticeAt = s.expiresAt - left.Milliseconds()
}
