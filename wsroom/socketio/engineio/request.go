package engineio

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"notifier/wsroom"
)

var (
	errOverlap   = errors.New("two requests at the same time")
	errCancelled = errors.New("the client cancelled its request")
	errNotUTF8   = errors.New("the payload is not UTF-8")
)

// What one GET takes along, and how long the client may take to receive it.
const (
	answerMessages = 256
	answerBytes    = 64 << 10
	answerTimeout  = 10 * time.Second
)

// arrive is the beginning of every request of a session: it is a sign of life, unless it comes too late.
func (s *Session) arrive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overdue()
	s.heard = true
}

// serveGet holds a GET until there is something to answer with.
func (s *Session) serveGet(w http.ResponseWriter, r *http.Request, p *poll) {
	s.arrive()
	g, gone, twice := p.hold()
	switch {
	case gone:
		unknownSession.send(w)
		return
	case twice:
		s.End(wsroom.ProtocolViolated, fmt.Errorf("poll: %w", errOverlap))
		badRequest.send(w)
		return
	}
	// The server's time for reading a request is over long before a held one is: it would be taken for the client's departure.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // not supported: then there was none
	dst := make([]*wsroom.Message, 0, answerMessages)
	for {
		messages, ending := s.member.Take(dst, answerBytes)
		switch {
		case len(messages) > 0:
			s.deliver(w, r, p, g, messages)
			return
		case ending != nil:
			s.tellEnd(w, p, g, ending)
			return
		}
		if instead := s.wait(r, p, g); instead != nil {
			p.release(g)
			instead(w)
			return
		}
	}
}

// deliver answers with messages. What cannot be written is lost with the session: the client comes back and has it replayed.
func (s *Session) deliver(w http.ResponseWriter, r *http.Request, p *poll, g *get, messages []*wsroom.Message) {
	body := string(appendPayload(nil, messages))
	events := 0
	for _, m := range messages {
		if m.Seq() != 0 {
			events++
		}
	}
	s.member.Rest()
	p.release(g)
	err := r.Context().Err()
	if err == nil {
		err = answer(w, body)
	}
	if err != nil {
		s.End(wsroom.Lost, fmt.Errorf("answer poll: %w", err))
		return
	}
	if events > 0 {
		s.server.Metrics.Delivered(s.server.protocol.Name(), events)
	}
}

// tellEnd answers with the end: a goodbye of the client's own with nothing, all else with ours.
func (s *Session) tellEnd(w http.ResponseWriter, p *poll, g *get, ending *wsroom.Ending) {
	p.tell()
	p.release(g)
	kind := Close
	if ending == Left {
		kind = Noop
	}
	_ = answer(w, string(kind)) // it is over in any case
}

// wait has nothing to answer with and waits: until it is worth a look, or there is something else to answer with.
func (s *Session) wait(r *http.Request, p *poll, g *get) (instead func(http.ResponseWriter)) {
	p.mu.Lock()
	upgraded, answered := p.upgraded, p.answered
	p.mu.Unlock()
	var patience <-chan time.Time
	switch {
	case upgraded:
		return unknownSession.send
	case answered && !g.patient:
		return func(w http.ResponseWriter) {
			_ = answer(w, string(Noop)) // the client is changing over: it may not be listening any more
		}
	case answered:
		timer := time.NewTimer(probeTime)
		defer timer.Stop()
		patience = timer.C
	}
	select {
	case <-g.wake:
	case <-patience:
		g.patient = false
	case <-r.Context().Done():
		s.End(wsroom.Lost, errCancelled)
		return badRequest.send
	}
	return nil
}

// servePost takes a payload. It is answered when all of its packets are carried out.
func (s *Session) servePost(w http.ResponseWriter, r *http.Request, p *poll) {
	s.arrive()
	switch gone, twice := p.post(); {
	case gone:
		unknownSession.send(w)
		return
	case twice:
		s.End(wsroom.ProtocolViolated, fmt.Errorf("post: %w", errOverlap))
		badRequest.send(w)
		return
	}
	payload, refused, err := s.readPayload(w, r)
	if err != nil {
		p.posted()
		refused.send(w)
		return
	}
	reason, cause := s.receivePayload(payload)
	if reason != nil {
		s.End(reason, cause)
	}
	p.posted()
	if reason != nil && reason != Left {
		badRequest.send(w)
		return
	}
	_ = answer(w, "ok") // its packets are carried out, whether it hears of it or not
}

// post begins a POST, if there is no other.
func (p *poll) post() (gone, twice bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.upgraded {
		return true, false
	}
	twice = p.posting
	p.posting = true
	return false, twice
}

func (p *poll) posted() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.posting = false
}

// readPayload ends the session if the payload is not to be had, or too large.
func (s *Session) readPayload(w http.ResponseWriter, r *http.Request) ([]byte, refusal, error) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.server.MaxPayload)))
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		s.End(wsroom.TooBig, nil)
		return nil, tooLarge, err
	case err != nil:
		s.End(wsroom.Lost, fmt.Errorf("read payload: %w", err))
		return nil, badRequest, err
	case !utf8.Valid(payload):
		s.End(wsroom.ProtocolViolated, errNotUTF8)
		return nil, badRequest, errNotUTF8
	}
	return payload, refusal{}, nil
}

// receivePayload carries out the packets of a payload, up to the first that ends the session.
func (s *Session) receivePayload(payload []byte) (reason *wsroom.Ending, cause error) {
	for more := true; more; {
		var packet Packet
		var err error
		if packet, payload, more, err = NextPacket(payload); err != nil {
			return wsroom.ProtocolViolated, fmt.Errorf("receive: %w", err)
		}
		if !s.fits() {
			return wsroom.Flood, nil
		}
		if reason, cause := s.received(packet); reason != nil {
			return reason, cause
		}
		if ended := s.member.Ended(); ended != nil {
			return ended, nil
		}
	}
	return nil, nil
}

// answer writes a whole response and sees it on its way.
func answer(w http.ResponseWriter, body string) error {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(answerTimeout)) // not supported: then the server's own has to do
	if _, err := io.WriteString(w, body); err != nil {
		return err
	}
	if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = control.SetWriteDeadline(time.Time{})
	return nil
}
