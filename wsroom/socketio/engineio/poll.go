package engineio

import (
	"net/http"
	"sync"
	"time"

	"notifier/wsroom"
)

// What is waited for while nobody may come. The times are generous to clients whose next request is on its way, on another connection.
const (
	lingerTime = 2 * time.Second        // for the GET that takes an ending along
	closeTime  = 100 * time.Millisecond // for the GET that was sent before the client's own goodbye, and arrives behind it
	probeTime  = 100 * time.Millisecond // for the packet that completes an upgrade, before a GET is answered without it
)

// poll is a session's transport while it has no WebSocket: the receiver of its member. Its lock is a leaf: nothing else is called under it, but to set the
// deadline of a connection.
type poll struct {
	session *Session

	mu       sync.Mutex
	get      *get // the GET that is held or being answered
	posting  bool
	probing  bool          // a WebSocket has come
	answered bool          // and its probe was answered
	upgraded bool          // and it has taken over
	gone     bool          // the session is over for whoever comes
	told     chan struct{} // closed when a client is told of the end
	toldOnce bool
	busy     int           // requests that are held or being answered
	quiet    chan struct{} // closed when none is any more; nil: nobody waits for that
	given    string        // the cursor of what the last answer brought
	ending   bool          // the member has its reason
	waits    []*deadline   // of requests under way
}

// get is one GET.
type get struct {
	wake    chan struct{} // one slot
	done    chan struct{} // closed when it is over
	patient bool          // it came when a WebSocket was there already
	excused bool          // to be answered whether there is anything or not
}

// Wake implements wsroom.Receiver.
func (p *poll) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nudge()
}

// Transport is how wsroom.Connection names it.
func (p *poll) Transport() string { return polling }

// GiveUp implements wsroom.Receiver. What there is to give up is seen to in Ending, which follows.
func (p *poll) GiveUp() {}

// Ending implements wsroom.EndingReceiver: nobody may be there to see it. Requests under way get no more time than there is for the next GET: a client that
// does not send what it announced, or does not take what it asked for, would hold up more than its session.
func (p *poll) Ending(reason *wsroom.Ending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = p.gone || linger(reason) == 0
	p.ending = true
	for _, d := range p.waits {
		d.within(lingerTime)
	}
	p.nudge()
	go p.session.seeOut(p, reason)
}

// linger is how long a session stays to be told how it ended: not at all if that was the client's fault.
func linger(reason *wsroom.Ending) time.Duration {
	switch reason {
	case Left:
		return closeTime
	case Unanswered, wsroom.Lost, wsroom.ProtocolViolated, wsroom.Flood, wsroom.TooBig:
		return 0
	}
	return lingerTime
}

// nudge has the held GET look again. Under mu.
func (p *poll) nudge() {
	if p.get != nil {
		select {
		case p.get.wake <- struct{}{}:
		default:
		}
	}
}

// hold makes a GET the session's, if there is no other.
func (p *poll) hold() (g *get, gone, twice bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.gone || p.upgraded:
		return nil, true, false
	case p.get != nil:
		return nil, false, true
	}
	p.get = &get{wake: make(chan struct{}, 1), done: make(chan struct{}), patient: p.probing}
	p.busy++
	return p.get, false, false
}

// release comes before the answer: the client's next GET may be here, on another connection, before we know that the answer is written.
func (p *poll) release(g *get) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.get = nil
	close(g.done)
}

// tell notes that a client is about to be told of the end: whoever comes now finds nothing.
func (p *poll) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	if !p.toldOnce {
		p.toldOnce = true
		close(p.told)
	}
}

// openPolling begins a session. Its id is published when all of it is there.
func (srv *Server) openPolling(w http.ResponseWriter, r *http.Request) {
	s, err := srv.newSession(r, srv.hub.Admit)
	if err != nil {
		turnDown(w, err)
		return
	}
	s.sid = srv.newID()
	p := &poll{session: s, told: make(chan struct{})}
	s.poll = p
	if err := srv.hub.Attach(&s.member, srv.protocol, p); err != nil { // it was there a moment ago
		s.member.Leave()
		unavailable.send(w)
		return
	}
	s.start()
	srv.table.put(s)
	body := srv.appendOpen(nil, s.sid, true)
	if err := p.answer(w, string(body)); err != nil {
		s.End(wsroom.Lost, err)
	}
}

// seeOut is the end of a session that polls: it waits a little for a GET to be told, and leaves. If a WebSocket has taken over meanwhile, the end is its
// reader's.
func (s *Session) seeOut(p *poll, reason *wsroom.Ending) {
	s.mu.Lock()
	if s.poll == nil {
		s.mu.Unlock()
		return
	}
	s.leaving = true
	s.mu.Unlock()
	p.awaitTold(linger(reason))
	s.server.table.remove(s.sid)
	s.stop()
	s.member.Retire()
	s.cutProbe()
	s.work.Wait()
	s.probes.Wait()
	s.report(polling, reason.Close, reason.Code)
	s.member.Leave()
}

func (p *poll) awaitTold(within time.Duration) {
	if within > 0 {
		timer := time.NewTimer(within)
		defer timer.Stop()
		select {
		case <-p.told:
		case <-timer.C:
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.nudge()
}
