package wsroom

import (
	"context"
	"errors"
	"sync"
	"time"

	"notifier/wsroom/socket"
)

var (
	errNotJSON     = errors.New("not a JSON object with these keys")
	errUnknownType = errors.New("unknown type")
)

// errEnded is the reader's error when it was we who ended the session.
var errEnded = errors.New("session ended")

// session is one connection of the plain protocol. While nothing happens it is one goroutine, the reader, which also tears it down. Others come and
// go: a writer while something is queued, an opener while a token is checked and missed events are replayed, the timer.
//
// Everything that ends a session is said to the member (End); the writer finds it behind what it still has to write, tells the client and
// closes the sending half; the reader sees the client answer, or its time end, and leaves.
type session struct {
	member  Member
	writer  Writer
	handler *handler
	conn    *socket.Conn
	work    sync.WaitGroup // the opener
	bucket  Bucket         // the reader's

	mu     sync.Mutex
	timer  *time.Timer
	closed bool               // no timer, no opener any more
	joined bool               // a further token is a renewal
	busy   context.CancelFunc // of the opener or renewal under way
	next   string             // a renewal's token that waits for it
	cause  error              // of the ending, for the log
	cursor string             // of the URL, until the first message
	Due
}

// run starts the reader, on a goroutine of its own so that the one of net/http, whose stack has grown, ends. A token that came with the
// handshake is checked here; net/http waits for nothing else.
func (s *session) run(token, cursor string) {
	h := s.handler
	s.mu.Lock()
	if token == "" {
		s.AuthBy = h.now() + h.AuthTimeout
		s.cursor = cursor
	}
	s.arm()
	var ctx context.Context
	if token != "" {
		ctx = s.begin()
	}
	s.mu.Unlock()
	go s.read()
	if ctx != nil {
		s.open(ctx, token, cursor)
	}
}

// refuse ends a connection that the hub has not seen.
func (s *session) refuse(reason *Ending) {
	s.conn.Finish(reason.Close, reason.frames)
	s.conn.Discard()
	s.conn.Close()
	s.report(reason, nil)
}

// finish tells the client why, and closes the sending half.
func (s *session) finish(reason *Ending) { s.conn.Finish(reason.Close, reason.frames) }

// begin registers the work of an opener or a renewal, if none is under way. The context ends with the session. Under mu.
func (s *session) begin() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	s.busy = cancel
	s.work.Add(1)
	return ctx
}

// done is the other end of begin. A renewal that came meanwhile goes on.
func (s *session) done() {
	defer s.work.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy()
	s.busy = nil
	if token := s.next; token != "" && !s.closed {
		s.next = ""
		go s.renew(s.begin(), token)
	}
}

// renewal starts a renewal, or has it wait for the opener or renewal under way; of several that wait the last counts. A token that comes while
// the first is still being checked is a second one, and ignored.
func (s *session) renewal(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.busy == nil:
		go s.renew(s.begin(), token)
	case s.joined:
		s.next = token
	}
}

// read is the session's resident goroutine: it waits on the smallest stack, reads what has come, which takes more, and leaves the waiting to a
// fresh goroutine.
func (s *session) read() {
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
func (s *session) receive() error {
	for {
		frame, err := s.conn.Read()
		if err != nil {
			s.readFailed(err)
			return err
		}
		if frame != nil {
			if reason, cause := s.received(frame); reason != nil {
				s.end(reason, cause)
			}
		}
		if s.member.Ended() != nil {
			s.discard()
			return errEnded
		}
		if frame == nil {
			return nil
		}
	}
}

// received carries out one message of the client.
func (s *session) received(frame []byte) (reason *Ending, cause error) {
	message, err := decodeAuth(frame)
	if err != nil {
		return ProtocolViolated, err
	}
	if message.Token == "" {
		return TokenMissing, nil
	}
	if !s.first(message) {
		s.renewal(message.Token)
	}
	return nil, nil
}

// first opens the session, if it was this message that it waited for.
func (s *session) first(message authMessage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.AuthBy == 0 {
		return false
	}
	cursor := s.cursor
	if message.Cursor != "" {
		cursor = message.Cursor
	}
	s.AuthBy, s.cursor = 0, ""
	go s.open(s.begin(), message.Token, cursor)
	return true
}

// pinged answers a ping in line with the events, by the writer, so that the reader never waits for a client that does not read. Only while there
// is no writer yet it is coder/websocket that answers.
func (s *session) pinged(payload []byte) (answer bool) {
	if s.member.Ended() != nil {
		return false
	}
	return !s.member.SendLive(Pong(payload))
}

// fits counts a frame, and reports whether it still fits. By the reader, inside Read: a message in fragments without end never gets further.
func (s *session) fits() bool { return s.bucket.Take(s.handler.now(), bucketSize, bucketRate) }

// readFailed turns what the reader met into the session's ending, unless it has one.
func (s *session) readFailed(err error) {
	switch {
	case errors.Is(err, socket.ErrRefused):
		s.end(Flood, nil)
	case errors.Is(err, socket.ErrTooBig):
		s.end(TooBig, nil)
	case errors.Is(err, socket.ErrBinary), errors.Is(err, socket.ErrUTF8), errors.Is(err, socket.ErrProtocol):
		s.end(ProtocolViolated, err)
	default:
		return // lost, or closed by the client
	}
	s.discard()
}

// discard waits until the client has gone after it was told to, or the time for that is over.
func (s *session) discard() {
	s.conn.Discard()
	s.mu.Lock()
	if s.busy != nil {
		s.busy()
	}
	s.mu.Unlock()
	s.work.Wait()
	s.writer.Wait()
}

// end gives the session its reason to end, with the cause for the log, and does not wait for it.
func (s *session) end(reason *Ending, cause error) {
	if s.member.End(reason, false) && cause != nil {
		s.mu.Lock()
		s.cause = cause
		s.mu.Unlock()
	}
}

// leave tears down after the reader's last error: nothing new starts, what runs is cut short and waited for, and only then the hub counts one
// less.
func (s *session) leave(readErr error) {
	s.mu.Lock()
	s.closed = true
	s.timer.Stop()
	if s.busy != nil {
		s.busy()
	}
	s.mu.Unlock()

	s.member.Retire()
	ended := s.member.Ended()
	if ended == Slow {
		s.conn.Cut()
	}
	s.conn.Close()
	s.work.Wait()
	s.writer.Wait()
	s.report(ended, readErr)
	s.handler.hub.leave(&s.member)
}
