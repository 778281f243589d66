package wsroom

import "time"

// Due is what a connection waits for, all on one timer: an instant of zero is not waited for. Instants are counted from the handler's beginning,
// on the monotonic clock, so that a clock that is set does not end connections; the token's end alone is by the wall clock.
type Due struct {
	AuthBy    time.Duration // the token
	PingAt    time.Duration // the next ping
	PongBy    time.Duration // the last ping's answer
	RefreshAt time.Duration // the cursor for an idle client
	Known     int64         // see Member.Refresh
	NoticeAt  int64         // Unix milliseconds (nanoseconds end in 2262, tokens may not): the notice that the token ends
	ExpiresAt int64         // Unix milliseconds: the token's end
}

// Peer is the connection that Due judges.
type Peer interface {
	Heard() bool // whether anything came since the last call
	Busy() bool  // whether a ping may still wait behind other things, for which there is a deadline
}

// Overdue returns the reason to end the connection, if it is time: no token, a token that ended, or a ping without an answer. Any byte since is an
// answer. A client with a backlog is left to the write deadline.
func (d *Due) Overdue(now time.Duration, peer Peer, timeout time.Duration) *Ending {
	switch {
	case Passed(d.AuthBy, now):
		return TokenMissing
	case d.ExpiresAt != 0 && time.Now().UnixMilli() >= d.ExpiresAt:
		return TokenExpired
	case !Passed(d.PongBy, now):
	case peer.Heard():
		d.PongBy = 0
	case peer.Busy():
		d.PongBy = now + timeout
	default:
		return Lost
	}
	return nil
}

// Ping reports whether to send a ping now. Its answer is waited for from when it was due, or half as long if it was us who were late; unless the answer
// to the ping before still is.
func (d *Due) Ping(now time.Duration, peer Peer, interval, timeout time.Duration) bool {
	if !Passed(d.PingAt, now) {
		return false
	}
	if peer.Heard() || d.PongBy == 0 {
		d.PongBy = max(d.PingAt+timeout, now+timeout/2)
	}
	d.PingAt = now + interval
	return true
}

// Refresh keeps an idle member's cursor fresh, if it is time.
func (d *Due) Refresh(now time.Duration, m *Member, interval time.Duration) {
	if Passed(d.RefreshAt, now) {
		d.RefreshAt = now + interval
		d.Known = m.Refresh(d.Known)
	}
}

// Wait is how long to wait for what is due next.
func (d *Due) Wait(now time.Duration) time.Duration {
	next := now + time.Hour
	for _, instant := range [...]time.Duration{d.AuthBy, d.PingAt, d.PongBy, d.RefreshAt} {
		if instant != 0 {
			next = min(next, instant)
		}
	}
	wait := next - now
	for _, instant := range [...]int64{d.NoticeAt, d.ExpiresAt} {
		if instant != 0 {
			wait = min(wait, time.Until(time.UnixMilli(instant)))
		}
	}
	return max(wait, 0)
}

// Passed reports whether an instant that is waited for has come.
func Passed(instant, now time.Duration) bool { return instant != 0 && now >= instant }
