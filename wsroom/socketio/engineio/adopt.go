package engineio

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/socket"
)

// A Mover is an Application whose sessions can go on at another daemon.
type Mover interface {
	// Pack is called when nothing happens in the session any more. cursor is how far the client has been told the stream, "" if its stream never began.
	Pack(cursor string) ([]byte, error)
	// Unpack is called on a new application, before any message: it goes on where the packed one was.
	Unpack(state []byte) error
}

// baggage is a session on its way to another daemon: all that its client might notice the lack of.
type baggage struct {
	Ping        time.Duration   `json:"ping"`              // until the next
	Connect     time.Duration   `json:"connect,omitempty"` // until when the application expects its client to say who it is; 0: it has
	Packets     []string        `json:"packets,omitempty"` // told, and not taken; without events
	Application json.RawMessage `json:"application"`
}

// maxBaggage is far more than a member may have waiting.
const maxBaggage = 16 << 20

// move is an upgrade under way, seen from the daemon that has the WebSocket: one request to the owner of the session, open until the end. The owner
// has agreed by answering it. It is told the client's two packets as they come, and answers the second with the session.
type move struct {
	server  *Server
	session *Session
	cancel  context.CancelFunc
	steps   *io.PipeWriter
	answer  io.ReadCloser
	arrived chan *baggage // nil: it does not come
}

// adopt takes a WebSocket that wants to take over a session of another daemon, and the session with it when the client completes the upgrade. So there
// is one daemon and one connection behind the WebSocket for the rest of its life, as if it had begun here.
func (srv *Server) adopt(w http.ResponseWriter, r *http.Request, owner, sid string) {
	if srv.hub.Available() != nil {
		unavailable.send(w)
		return
	}
	s, err := srv.newSession(r, srv.hub.AdmitMoved)
	if err != nil { // its owner need not know
		srv.Peers.Moved("refused")
		turnDown(w, err)
		return
	}
	s.sid = sid
	m := srv.agree(w, r, owner, s)
	if m == nil {
		s.member.Leave()
		return
	}
	if err := s.upgrade(w, r); err != nil {
		m.fail()
		return
	}
	go m.run()
}

// accountHeader is where an owner that agrees to a move says whose session it is, if it is anybody's yet: should that account's room be full here, the session
// stays. Like all that a URL can hold, escaped.
const accountHeader = "Notifier-Account"

// agree begins a move, or answers the client with why there is none: nil.
func (srv *Server) agree(w http.ResponseWriter, r *http.Request, owner string, s *Session) *move {
	m, response, err := srv.askFor(r, owner, s.sid)
	if err != nil {
		unknownSession.send(w)
		return nil
	}
	m.session = s
	if response.StatusCode == http.StatusOK {
		account, err := url.QueryUnescape(response.Header.Get(accountHeader))
		if err == nil && (account == "" || srv.hub.HasRoom(account)) {
			return m
		}
		m.refused()
		turnDown(w, wsroom.ErrTooMany)
		return nil
	}
	if response.StatusCode == http.StatusConflict {
		m.refused()
		srv.turnAway(w, r)
		return nil
	}
	body, err := readAnswer(response)
	m.refused()
	if err != nil {
		unknownSession.send(w)
		return nil
	}
	_ = passBack(w, r, response, body) // a refusal, whether it is heard or not
	return nil
}

// askFor begins a move. The answer's body is the move's if its status is 200.
func (srv *Server) askFor(r *http.Request, owner, sid string) (*move, *http.Response, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context())) // the request ends with the handshake, not the move
	giveUp := context.AfterFunc(r.Context(), cancel)
	defer giveUp()
	late := time.AfterFunc(srv.UpgradeTimeout, cancel)
	defer late.Stop()
	steps, writer := io.Pipe()
	response, err := srv.send(ctx, owner, http.MethodPost, peerURL(errandMove, sid), steps, -1)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	m := &move{server: srv, cancel: cancel, steps: writer, answer: response.Body, arrived: make(chan *baggage, 1)}
	return m, response, nil
}

// run is the WebSocket's goroutine until the upgrade is complete; then it reads on as for any session.
func (m *move) run() {
	s, conn := m.session, m.session.conn
	timer := time.AfterFunc(s.server.UpgradeTimeout, func() {
		m.end()
		conn.Cut()
	})
	go m.receive(conn)
	completed := converse(conn, func() error { return m.tell(probeAsked) }) && m.tell(probeDone) == nil
	if !completed {
		m.end()
	}
	state := <-m.arrived
	if !timer.Stop() || !completed || state == nil || !s.settle(state) {
		m.fail()
		s.desert()
		return
	}
	m.end()
	m.server.Peers.Moved("moved")
	if err := s.receive(); err != nil { // what came right behind the upgrade is read already
		s.leave(err)
		return
	}
	go s.read()
}

// receive waits for the session, or the owner's word that it does not come: then there is nothing to probe for.
func (m *move) receive(conn *socket.Conn) {
	var state baggage
	if err := json.NewDecoder(io.LimitReader(m.answer, maxBaggage)).Decode(&state); err != nil {
		if m.session.member.Ended() == nil { // else the client is being told why
			conn.Cut()
		}
		m.arrived <- nil
		return
	}
	m.arrived <- &state
}

// tell passes one of the client's packets on.
func (m *move) tell(packet string) error {
	_, err := io.WriteString(m.steps, packet+"\n")
	return err
}

func (m *move) refused() {
	m.server.Peers.Moved("refused")
	m.end()
}

func (m *move) fail() {
	m.server.Peers.Moved("failed")
	m.end()
}

// end ends the request. Its context alone would not: while a request's body is being sent nobody looks at that.
func (m *move) end() {
	_ = m.steps.CloseWithError(errEnded) // it never fails
	m.cancel()
	_ = m.answer.Close() // there is nothing more to hear
}

// settle makes the session what it was at the other daemon.
func (s *Session) settle(state *baggage) bool {
	app, ok := s.app.(Mover)
	if !ok {
		return false
	}
	s.server.table.upgrade(s.sid)
	s.mu.Lock()
	now := s.server.now()
	s.due.PingAt, s.due.AuthBy = now+min(max(state.Ping, time.Nanosecond), s.server.PingInterval), 0
	if state.Connect != 0 {
		s.due.AuthBy = now + max(state.Connect, time.Nanosecond)
	}
	s.timer = time.AfterFunc(s.due.Wait(now), s.tick)
	s.mu.Unlock()
	for _, packet := range state.Packets {
		s.member.Tell(wsroom.NewMessage([]byte(packet)))
	}
	if err := app.Unpack(state.Application); err != nil {
		s.End(wsroom.ProtocolViolated, fmt.Errorf("unpack session: %w", err))
		return false
	}
	return true
}

// desert is leave for a session that has not come: nobody hears of it, unless we gave it a reason.
func (s *Session) desert() {
	s.stop()
	ended := s.member.Ended()
	if ended != nil {
		s.conn.Discard() // it is being told
	}
	s.member.Retire()
	s.conn.Cut()
	s.conn.Close()
	s.work.Wait()
	s.writer.Wait()
	s.server.table.left(s.sid)
	if ended != nil {
		s.report(webSocket, ended.Close, ended.Code)
	}
	s.member.Leave()
}
