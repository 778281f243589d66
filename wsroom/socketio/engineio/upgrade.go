package engineio

import (
	"net/http"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/socket"
)

// The packets of a probe.
const (
	probeAsked    = "2probe"
	probeAnswered = "3probe"
	probeDone     = "5"
)

// probe takes a WebSocket that wants to take over a session. Until it has, it does not matter: when it fails, the session goes on polling. There is one
// at a time; another is turned away, and the first is unharmed.
func (s *Session) probe(w http.ResponseWriter, r *http.Request, p *poll) {
	switch gone, taken := p.beginProbe(); {
	case gone:
		badRequest.send(w)
		return
	case taken:
		s.server.turnAway(w, r)
		return
	}
	conn, err := socket.Upgrade(w, r, s.options())
	if err != nil {
		s.server.refused(r, err)
		p.probeFailed()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.leaving {
		p.probeFailed()
		conn.Cut()
		conn.Close()
		return
	}
	s.probed = conn
	s.probes.Go(func() { s.handOver(conn, p) })
}

// beginProbe begins a probe, if there is no other.
func (p *poll) beginProbe() (gone, taken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.upgraded || p.probing {
		return p.gone, true
	}
	p.probing = true
	return false, false
}

// turnAway closes a WebSocket for a session that has one. It is let in before that, because a refusal is an error to its client, and this none.
func (srv *Server) turnAway(w http.ResponseWriter, r *http.Request) {
	conn, err := socket.Upgrade(w, r, socket.Options{})
	if err != nil {
		srv.refused(r, err)
		return
	}
	reason := wsroom.ProtocolViolated
	conn.Finish(reason.Close, socket.AppendClose(nil, reason.Close, reason.Code))
	conn.Discard()
	conn.Close()
}

// handOver carries the probe through, and has the reader go on if it succeeds.
func (s *Session) handOver(conn *socket.Conn, p *poll) {
	timer := time.AfterFunc(s.server.UpgradeTimeout, conn.Cut)
	completed := converse(conn, func() error {
		p.probeAnswered()
		return nil
	})
	if !timer.Stop() || !completed || !s.change(conn, p) {
		p.probeFailed()
		s.mu.Lock()
		s.probed = nil
		s.mu.Unlock()
		conn.Cut()
		conn.Close()
		return
	}
	go func() { // the reader; what came right behind the probe is read already
		if err := s.receive(); err != nil {
			s.leave(err)
			return
		}
		s.read()
	}()
}

// converse answers the probe, with what is to be done when it is answered, and reports whether the client has completed the upgrade.
func converse(conn *socket.Conn, answered func() error) bool {
	asked := false
	for conn.Wait() == nil {
		for {
			message, err := conn.Read()
			switch {
			case err != nil:
				return false
			case message == nil:
			case !asked && string(message) == probeAsked:
				asked = true
				if conn.Write(socket.AppendText(nil, []byte(probeAnswered))) != nil || answered() != nil {
					return false
				}
			case asked && string(message) == probeDone:
				return true
			default:
				return false
			}
			if message == nil {
				break
			}
		}
	}
	return false
}

// probeAnswered lets go of the held GET: the client waits for it to end before it completes the upgrade.
func (p *poll) probeAnswered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered = true
	p.nudge()
}

func (p *poll) probeFailed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probing, p.answered, p.upgraded = false, false, false
	p.nudge()
}

// change makes the WebSocket the session's transport, when no GET is taking any more. It reports false for a session that is ending.
func (s *Session) change(conn *socket.Conn, p *poll) bool {
	p.mu.Lock()
	p.upgraded = true
	p.nudge()
	held := p.get
	p.mu.Unlock()
	if held != nil {
		<-held.done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.leaving {
		return false
	}
	s.take(conn)
	s.poll, s.probed = nil, nil
	s.server.table.upgrade(s.sid)
	s.member.Switch(&s.writer)
	return true
}

// cutProbe ends a probe under way.
func (s *Session) cutProbe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probed != nil {
		s.probed.Cut()
	}
}
