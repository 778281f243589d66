package engineio

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/socket"
)

// How a session ends by what its client does, or does not. A client that lets a ping go unanswered is told, if it can still hear that.
var (
	Left       = &wsroom.Ending{Close: 1000, Code: "left"}
	Unanswered = &wsroom.Ending{Close: 1006, Code: "ping_timeout"}
)

// pingMessage is the ping of every session.
var pingMessage = wsroom.NewMessage([]byte{byte(Ping)})

// Session is one Engine.IO session. Everything that ends it is said to its member; who carries that out depends on the transport: on a WebSocket the
// writer closes and the reader leaves; while polling, when there may be nobody, seeOut does.
type Session struct {
	server *Server
	app    Application
	member wsroom.Member
	writer wsroom.Writer  // of the WebSocket
	work   sync.WaitGroup // the application's
	probes sync.WaitGroup
	inbox  sync.Mutex // one message at a time

	mu      sync.Mutex
	conn    *socket.Conn // nil while polling
	probed  cutter       // that wants to be it
	poll    *poll        // nil on a WebSocket
	sid     string       // "" for what began as a WebSocket
	timer   *time.Timer
	closed  bool  // nothing new is started
	leaving bool  // seeOut is at work: no upgrade any more
	heard   bool  // requests came, while polling
	trusted bool  // see Trust
	job     *job  // what Go runs
	cause   error // of the ending, for the log
	bucket  wsroom.Bucket
	due     wsroom.Due
}

// newSession makes a session with its application, before the hub can end it, if the hub admits it. After that it is to leave.
func (srv *Server) newSession(r *http.Request, admit func(*wsroom.Member, netip.AddrPort) error) (*Session, error) {
	s := &Session{server: srv}
	if err := admit(&s.member, wsroom.ClientAddr(r)); err != nil {
		return nil, err
	}
	s.member.NoteUserAgent(r.UserAgent())
	s.app = srv.open(s, r)
	return s, nil
}

// start begins the pings.
func (s *Session) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.due.PingAt = s.server.now() + s.server.PingInterval
		s.timer = time.AfterFunc(s.due.Wait(s.server.now()), s.tick)
	}
}

// Member is the session's place in the hub: to Join, Live and Part.
func (s *Session) Member() *wsroom.Member { return &s.member }

// RemoteAddr is the address of the opening request.
func (s *Session) RemoteAddr() string { return wsroom.AddrString(s.member.From()) }

// Tell queues a packet for the client and reports whether it did.
func (s *Session) Tell(message *wsroom.Message) bool { return s.member.Tell(message) }

// End gives the session its reason to end, with the cause for the log, and does not wait for it.
func (s *Session) End(reason *wsroom.Ending, cause error) {
	if s.member.End(reason, false) && cause != nil {
		s.mu.Lock()
		s.cause = cause
		s.mu.Unlock()
	}
}

// job is work under way.
type job struct{ cancel context.CancelFunc }

// Go runs f on a goroutine that the session waits for; its context ends with the session or by Interrupt. One at a time. On a session that has ended f
// is not run.
func (s *Session) Go(f func(ctx context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	this := &job{cancel}
	s.job = this
	s.work.Go(func() {
		f(ctx)
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.job == this { // f may have made way for the next
			s.job = nil
		}
	})
}

// Interrupt ends the context of what Go runs.
func (s *Session) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.job != nil {
		s.job.cancel()
	}
}

// Expect ends the session with "token missing" after this time; with 0 no more.
func (s *Session) Expect(within time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due.AuthBy = 0
	if within > 0 {
		s.due.AuthBy = s.server.now() + within
	}
	s.rearm()
}

// Trust lets the client send messages of MaxPayload bytes from now on: it has said who it is.
func (s *Session) Trust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trusted = true
	if s.conn != nil {
		s.conn.SetReadLimit(s.limit())
	}
}

// limit is how many bytes a message may have. Under mu.
func (s *Session) limit() int {
	if s.trusted {
		return s.server.MaxPayload
	}
	return s.server.MaxGreeting
}

// readLimit is limit.
func (s *Session) readLimit() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit()
}

// Identify says whose the session is: it ends with its token.
func (s *Session) Identify(who wsroom.Identity) {
	s.member.Identify(who.Subject, who.ExpiresAt)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due.ExpiresAt = who.ExpiresAt.UnixMilli()
	s.rearm()
}

// GoLive starts the member's live stream behind the event replayed, and keeps its cursor fresh.
func (s *Session) GoLive(position, replayed int64) {
	s.mu.Lock()
	s.due.Known = max(position, replayed)
	if s.server.CursorRefresh > 0 {
		s.due.RefreshAt = s.server.now() + s.server.CursorRefresh
	}
	s.rearm()
	s.mu.Unlock()
	s.member.Live(replayed)
}

// tick does what is due and sets the timer for the next. Nothing in it blocks.
func (s *Session) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.member.Ended() != nil {
		return
	}
	if s.overdue() {
		return
	}
	srv, now := s.server, s.server.now()
	if s.due.Ping(now, peer{s}, srv.PingInterval, srv.PingTimeout) {
		s.member.Tell(pingMessage)
	}
	s.due.Refresh(now, &s.member, srv.CursorRefresh)
	s.rearm()
}

// overdue ends the session if it is time. Under mu.
func (s *Session) overdue() bool {
	reason := s.due.Overdue(s.server.now(), peer{s}, s.server.PingTimeout)
	if reason == wsroom.Lost {
		reason = Unanswered
	}
	if reason != nil {
		s.member.End(reason, false)
	}
	return reason != nil
}

// rearm sets the timer for what is due next, if there is one yet. Under mu.
func (s *Session) rearm() {
	if !s.closed && s.timer != nil {
		s.timer.Reset(s.due.Wait(s.server.now()))
	}
}

// peer is the session as wsroom.Due judges it, under mu. Only on a WebSocket may a ping be stuck behind a write that has a deadline; a client that polls
// gets it with the next answer.
type peer struct{ *Session }

// Heard implements wsroom.Peer.
func (p peer) Heard() bool {
	if p.conn != nil {
		return p.conn.Heard()
	}
	heard := p.heard
	p.heard = false
	return heard
}

// Busy implements wsroom.Peer.
func (p peer) Busy() bool { return p.conn != nil && !p.member.Idle() }

// received carries out one packet of the client.
func (s *Session) received(p Packet) (reason *wsroom.Ending, cause error) {
	switch p.Kind {
	case Message:
		s.inbox.Lock()
		defer s.inbox.Unlock()
		return s.app.Message(p.Data, p.Binary)
	case Close:
		return Left, nil
	case Ping:
		return wsroom.ProtocolViolated, fmt.Errorf("receive ping: it is the server that pings: %w", ErrPacket)
	default: // a pong has been heard by its arrival; the others mean nothing here
		return nil, nil
	}
}

// fits counts a frame, a packet or a request, and reports whether it still fits.
func (s *Session) fits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bucket.Take(s.server.now(), s.server.FrameBurst, s.server.FrameRate)
}

// stop is the first half of leaving: nothing new starts, and what runs is cut short.
func (s *Session) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.job != nil {
		s.job.cancel()
	}
}

// report says once, at the edge, how a session ended. Of who never said whose it is only debug hears: anybody can open those, and a refusal has its own line.
func (s *Session) report(transport string, code int, name string) {
	attrs := []slog.Attr{slog.String("protocol", s.server.protocol.Name()), slog.String("transport", transport),
		slog.String("conn", s.member.ID()), slog.String("remote_addr", s.RemoteAddr()), slog.Int("close_code", code), slog.String("code", name)}
	level := slog.LevelDebug
	if account := s.member.Account(); account != "" {
		level = slog.LevelInfo
		attrs = append(attrs, slog.String("account", account))
	}
	attrs = append(attrs, s.app.Describe()...)
	s.mu.Lock()
	if s.cause != nil {
		attrs = append(attrs, slog.Any("cause", s.cause))
	}
	s.mu.Unlock()
	s.server.Logger.LogAttrs(context.Background(), level, "connection_closed", attrs...)
	s.server.Metrics.Closed(code)
}
