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

// What one GET takes along, and how long the client may take to receive it. Clients in Python give up on a payload of more than 16 packets.
const (
	answerMessages = 16
	answerBytes    = 64 << 10
	answerTimeout  = 10 * time.Second
)

// payloadTimeout is how long a client may take to send a POST.
const payloadTimeout = 10 * time.Second

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
	defer p.served()
	for {
		next, ending := s.takePayload()
		switch {
		case next.body != "":
			s.deliver(w, r, p, g, next)
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

// payload is what an answer consists of.
type payload struct {
	body   string // "": nothing
	events int
	cursor string // the last in it
	traces wsroom.Traces
}

// takePayload takes what is there for the next answer. The room for the messages is gone when it returns: most GETs wait, and many at the same time.
func (s *Session) takePayload() (next payload, ending *wsroom.Ending) {
	var room [answerMessages]*wsroom.Message
	messages, ending := s.member.Take(room[:0], answerBytes)
	for _, m := range messages {
		if m.Seq() != 0 {
			next.events++
		}
		if m.Cursor() != "" {
			next.cursor = m.Cursor()
		}
	}
	next.traces = next.traces.Of(messages)
	next.body = string(appendPayload(nil, messages))
	return next, ending
}

// deliver answers with messages. What cannot be written is lost with the session: the client comes back and has it replayed.
func (s *Session) deliver(w http.ResponseWriter, r *http.Request, p *poll, g *get, next payload) {
	s.member.Rest()
	p.give(next.cursor)
	p.release(g)
	err := r.Context().Err()
	if err == nil {
		err = p.answer(w, next.body)
	}
	if err != nil {
		next.traces.Dropped()
		s.End(wsroom.Lost, fmt.Errorf("answer poll: %w", err))
		return
	}
	next.traces.Written()
	if next.events > 0 {
		s.server.Metrics.Delivered(s.server.protocol.Name(), next.events)
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
	_ = p.answer(w, string(kind)) // it is over in any case
}

// wait has nothing to answer with and waits: until it is worth a look, or there is something else to answer with.
func (s *Session) wait(r *http.Request, p *poll, g *get) (instead func(http.ResponseWriter)) {
	p.mu.Lock()
	upgraded, answered, excused := p.upgraded, p.answered, g.excused
	p.mu.Unlock()
	var patience <-chan time.Time
	switch {
	case upgraded:
		return unknownSession.send
	case excused, answered && !g.patient:
		return func(w http.ResponseWriter) {
			_ = p.answer(w, string(Noop)) // the client is changing over: it may not be listening any more
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
	defer p.served()
	payload, refused, err := s.readPayload(w, r, p)
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
	if ended := s.member.Ended(); ended != nil && linger(ended) == 0 { // of another end the client shall hear by its GET, and not by an error
		badRequest.send(w)
		return
	}
	_ = p.answer(w, "ok") // its packets are carried out, whether it hears of it or not
}

// post begins a POST, if there is no other.
func (p *poll) post() (gone, twice bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.upgraded {
		return true, false
	}
	if twice = p.posting; !twice {
		p.busy++
	}
	p.posting = true
	return false, twice
}

func (p *poll) posted() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.posting = false
}

// readPayload ends the session if the payload is not to be had, or too large.
func (s *Session) readPayload(w http.ResponseWriter, r *http.Request, p *poll) ([]byte, refusal, error) {
	wait := p.await(payloadTimeout, http.NewResponseController(w).SetReadDeadline)
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.readLimit())))
	p.awaited(wait, err)
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

// receivePayload carries out the packets of a payload, up to the first that ends the session, or for as long as nothing else does.
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
		if s.member.Ended() != nil {
			return nil, nil
		}
	}
	return nil, nil
}

// answer is answer for a request of the session.
func (p *poll) answer(w http.ResponseWriter, body string) error {
	wait := p.await(answerTimeout, http.NewResponseController(w).SetWriteDeadline)
	err := answer(w, body)
	p.awaited(wait, err)
	return err
}

// answer writes a whole response and sees it on its way.
func answer(w http.ResponseWriter, body string) error {
	return respond(w, http.StatusOK, "text/plain; charset=UTF-8", body)
}

func respond(w http.ResponseWriter, status int, contentType, body string) error {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := io.WriteString(w, body); err != nil {
		return err
	}
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
