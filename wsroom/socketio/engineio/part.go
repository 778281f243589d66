package engineio

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"notifier/wsroom"
)

// maxSteps is what a client says in a probe, line by line.
const maxSteps = int64(len(probeAsked) + len(probeDone) + 2)

// cutter is a probe: a WebSocket here, or the request of a daemon that has it.
type cutter interface{ Cut() }

// request is a probe at another daemon.
type request struct {
	cancel context.CancelFunc

	mu      sync.Mutex
	control *http.ResponseController // nil when it is over
}

// Cut ends the request.
func (r *request) Cut() {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.control != nil {
		_ = r.control.SetReadDeadline(time.Now()) // not supported: then it is not the request of a daemon
	}
}

func (r *request) over() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.control = nil
}

// serveMove is a probe whose WebSocket is at another daemon: see move. It is the same to the client, and to the session until the upgrade is complete.
// Then the session goes. Should its new daemon not hear of that, it is over: the client comes back and recovers, as after any cut.
func (s *Session) serveMove(w http.ResponseWriter, r *http.Request, p *poll) {
	if _, ok := s.app.(Mover); !ok {
		badRequest.send(w)
		return
	}
	switch gone, taken := p.beginProbe(); {
	case gone:
		badRequest.send(w)
		return
	case taken:
		w.WriteHeader(http.StatusConflict)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*s.server.UpgradeTimeout) // the other daemon is stricter, if it lives
	defer cancel()
	probe := &request{cancel: cancel, control: http.NewResponseController(w)}
	defer probe.over()
	if !s.probedBy(probe) {
		p.probeFailed()
		badRequest.send(w)
		return
	}
	defer s.probes.Done()
	defer context.AfterFunc(ctx, probe.Cut)()
	w.Header().Set(accountHeader, url.QueryEscape(s.member.Account()))
	if http.NewResponseController(w).Flush() != nil || !p.follow(bufio.NewReader(io.LimitReader(r.Body, maxSteps))) {
		s.probeOver(p)
		return
	}
	state, err := s.part(ctx, p)
	if err != nil {
		s.probeOver(p)
		return
	}
	_ = json.NewEncoder(w).Encode(state) // it is not ours any more, whoever hears of it
}

// probedBy makes the probe the session's, to be cut with it, and waited for.
func (s *Session) probedBy(probe cutter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.leaving {
		return false
	}
	s.probed = probe
	s.probes.Add(1)
	return true
}

// probeOver is for a probe that has not led to anything.
func (s *Session) probeOver(p *poll) {
	p.probeFailed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probed = nil
}

// follow hears what the client says on its WebSocket, and reports whether it has completed the upgrade.
func (p *poll) follow(steps *bufio.Reader) bool {
	if step, err := steps.ReadString('\n'); err != nil || step != probeAsked+"\n" {
		return false
	}
	p.probeAnswered()
	step, err := steps.ReadString('\n')
	return err == nil && step == probeDone+"\n"
}

// part takes the session apart, when nobody is being answered any more. With an error it goes on here, if it has not ended.
func (s *Session) part(ctx context.Context, p *poll) (*baggage, error) {
	if err := p.quiesce(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.closed || s.leaving || s.member.Ended() != nil {
		s.mu.Unlock()
		return nil, errEnded
	}
	s.poll, s.probed = nil, nil // nobody finds it any more, nor sees it out
	s.mu.Unlock()
	s.server.table.remove(s.sid)
	s.stop()
	s.work.Wait()
	told := s.member.Withdraw()
	defer s.member.Leave()
	if reason := s.member.Ended(); reason != nil { // meanwhile: what it was to be told is gone
		s.report(polling, reason.Close, reason.Code)
		return nil, errEnded
	}
	return s.pack(told, p.given)
}

// pack writes down where the client stands: it has had everything up to the cursor, and these packets wait for it. Events do not come along, because the
// log has them.
func (s *Session) pack(told []*wsroom.Message, cursor string) (*baggage, error) {
	now := s.server.now()
	state := &baggage{Ping: s.due.PingAt - now}
	if s.due.AuthBy != 0 {
		state.Connect = max(s.due.AuthBy-now, time.Nanosecond)
	}
	for _, m := range told {
		switch {
		case m == pingMessage:
			state.Ping = 0 // at once
		case m.Seq() == 0 && !m.Binary():
			state.Packets = append(state.Packets, string(m.Payload()))
			if m.Cursor() != "" { // a stream that the client will hear of with these packets
				cursor = m.Cursor()
			}
		}
	}
	app, err := s.app.(Mover).Pack(cursor)
	if err != nil {
		return nil, fmt.Errorf("pack session: %w", err)
	}
	state.Application = app
	return state, nil
}

// quiesce lets no request in any more, and waits until none is being answered.
func (p *poll) quiesce(ctx context.Context) error {
	p.mu.Lock()
	p.upgraded = true
	p.nudge()
	quiet := make(chan struct{})
	if p.busy == 0 {
		close(quiet)
	} else {
		p.quiet = quiet
	}
	p.mu.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// give notes how far an answer brings the client.
func (p *poll) give(cursor string) {
	if cursor != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.given = cursor
	}
}

// served is the end of a request.
func (p *poll) served() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy--; p.busy == 0 && p.quiet != nil {
		close(p.quiet)
		p.quiet = nil
	}
}
