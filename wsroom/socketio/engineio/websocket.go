package engineio

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"notifier/wsroom"
	"notifier/wsroom/socket"
)

// errEnded is the reader's error when it was we who ended the session.
var errEnded = errors.New("session ended")

// openWebSocket begins a session that never polls.
func (srv *Server) openWebSocket(w http.ResponseWriter, r *http.Request) {
	s, err := srv.newSession(r, srv.hub.Admit)
	if err != nil {
		turnDown(w, err)
		return
	}
	if err := s.upgrade(w, r); err != nil {
		return
	}
	s.start()
	s.member.Tell(wsroom.NewMessage(srv.appendOpen(nil, srv.newID(), false)))
	go s.read() // so that the goroutine of net/http, whose stack has grown, ends
}

func (srv *Server) refused(r *http.Request, err error) {
	srv.Logger.Debug("handshake_refused", slog.String("remote_addr", r.RemoteAddr), slog.Any("error", err))
}

// upgrade makes a new session's request its WebSocket, and the session a member of the hub; or else it is over, and the client told.
func (s *Session) upgrade(w http.ResponseWriter, r *http.Request) error {
	options := s.options()
	options.HoldAnswer = true // we speak first
	conn, err := socket.Upgrade(w, r, options)
	if err != nil {
		s.server.refused(r, err)
		s.member.Leave()
		return err
	}
	s.take(conn)
	if err := s.server.hub.Attach(&s.member, s.server.protocol, &s.writer); err != nil { // it was there a moment ago
		s.finish(wsroom.Refusal(err))
		conn.Discard()
		conn.Close()
		s.member.Leave()
		return err
	}
	return nil
}

func (s *Session) options() socket.Options {
	return socket.Options{ReadLimit: s.server.MaxGreeting, OnFrame: s.fits, OnPing: s.pinged}
}

// take makes the connection the session's.
func (s *Session) take(conn *socket.Conn) {
	s.conn = conn
	conn.SetReadLimit(s.limit())
	s.writer.Member, s.writer.Conn, s.writer.Finish = &s.member, conn, s.finish
}

// finish closes the sending half. Clients see "transport close", and our code among its details.
func (s *Session) finish(reason *wsroom.Ending) {
	code := reason.Close
	if code == 1006 { // which says that there was no close frame
		code = 1001
	}
	s.conn.Finish(code, socket.AppendClose(nil, code, reason.Code))
}

// pinged answers a WebSocket ping in line with the packets, so that the reader never waits for a client that does not read. During a probe the line is
// not the WebSocket's yet.
func (s *Session) pinged(payload []byte) (answer bool) {
	s.mu.Lock()
	probing := s.conn == nil
	s.mu.Unlock()
	if !probing {
		s.member.Tell(wsroom.Pong(payload))
	}
	return probing
}

// read is the session's resident goroutine: it waits on the smallest stack, reads what has come, which takes more, and leaves the waiting to a
// fresh goroutine.
func (s *Session) read() {
	err := s.conn.Wait()
	if err == nil {
		err = s.receive()
	}
	if err != nil {
		s.leave(err)
		return
	}
	go s.read()
}

// receive reads and carries out what the client has sent. With an error the session is over.
func (s *Session) receive() error {
	for {
		message, binary, err := s.conn.ReadAny()
		if err != nil {
			s.readFailed(err)
			return err
		}
		if message != nil {
			packet, err := ParsePacket(message, binary)
			if err != nil {
				s.End(wsroom.ProtocolViolated, fmt.Errorf("receive: %w", err))
			} else if reason, cause := s.received(packet); reason != nil {
				s.End(reason, cause)
			}
		}
		if s.member.Ended() != nil {
			s.discard()
			return errEnded
		}
		if message == nil {
			return nil
		}
	}
}

// readFailed turns what the reader met into the session's ending, unless it has one.
func (s *Session) readFailed(err error) {
	switch {
	case errors.Is(err, socket.ErrRefused):
		s.End(wsroom.Flood, nil)
	case errors.Is(err, socket.ErrTooBig):
		s.End(wsroom.TooBig, nil)
	case errors.Is(err, socket.ErrUTF8), errors.Is(err, socket.ErrProtocol):
		s.End(wsroom.ProtocolViolated, err)
	default:
		return // lost, or closed by the client
	}
	s.discard()
}

// discard waits until the client has gone after it was told to, or the time for that is over.
func (s *Session) discard() {
	s.conn.Discard()
	s.Interrupt()
	s.work.Wait()
	s.writer.Wait()
}

// leave tears down after the reader's last error: what runs is cut short and waited for, and only then the hub counts one less.
func (s *Session) leave(readErr error) {
	s.stop()
	s.member.Retire()
	ended := s.member.Ended()
	if ended == wsroom.Slow {
		s.conn.Cut()
	}
	s.conn.Close()
	s.work.Wait()
	s.writer.Wait()
	s.server.table.left(s.sid)

	code, name := 1006, wsroom.Lost.Code
	var closed socket.ClosedError
	switch {
	case ended != nil:
		code, name = ended.Close, ended.Code
	case errors.As(readErr, &closed):
		code, name = wsroom.ClientCode(closed.Code), Left.Code
	}
	s.report(webSocket, code, name)
	s.member.Leave()
}

// appendOpen appends the packet that begins a session.
func (srv *Server) appendOpen(dst []byte, sid string, upgradable bool) []byte {
	upgrades := ""
	if upgradable {
		upgrades = `"` + webSocket + `"`
	}
	return fmt.Appendf(dst, `%c{"sid":%q,"upgrades":[%s],"pingInterval":%d,"pingTimeout":%d,"maxPayload":%d}`,
		Open, sid, upgrades, srv.PingInterval.Milliseconds(), srv.PingTimeout.Milliseconds(), srv.MaxPayload)
}
