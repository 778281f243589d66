package wsroom

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	errNoAccount   = errors.New("the token names no account")
	errAuthTimeout = errors.New("the token was not checked in time")
)

// Identity is what a token has proved.
type Identity struct {
	Account   string
	Subject   string
	ExpiresAt time.Time
}

// Authenticate checks a token within the timeout. What it returns as a reason is for the client, as the error for the log.
func Authenticate(ctx context.Context, authn Authenticator, token string, timeout time.Duration) (Identity, *Ending, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errAuthTimeout)
	defer cancel()
	account, subject, expiresAt, err := authn.Authenticate(ctx, token)
	switch {
	case err != nil:
		return Identity{}, reasonOf(err), fmt.Errorf("authenticate: %w", err)
	case account == "":
		return Identity{}, TokenInvalid, errNoAccount
	case !time.Now().Before(expiresAt):
		return Identity{}, TokenExpired, nil
	}
	return Identity{account, subject, expiresAt}, nil, nil
}

// reasonOf is what to tell the client about an Authenticator's error. One without a known code is the token's fault, unless time ran out.
func reasonOf(err error) *Ending {
	var coded interface{ Code() string }
	if errors.As(err, &coded) {
		if reason, known := byCode[coded.Code()]; known {
			return reason
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, errAuthTimeout) {
		return KeysUnavailable
	}
	return TokenInvalid
}

// open brings a session from its token to its live stream: check, join, replay, live.
func (s *session) open(ctx context.Context, token, cursor string) {
	defer s.done()
	h := s.handler
	who, reason, err := Authenticate(ctx, h.authn, token, h.AuthTimeout)
	if reason != nil {
		s.end(reason, err)
		return
	}
	position, at, err := s.member.Join(who.Account)
	if err != nil {
		s.end(Refusal(err), nil)
		return
	}
	s.member.Identify(who.Subject, who.ExpiresAt)
	s.mu.Lock()
	s.joined = true
	s.lives(who.ExpiresAt)
	s.Known = position
	s.arm()
	s.mu.Unlock()

	replay := Replay{Log: h.log, Member: &s.member, Metrics: h.Metrics, Account: who.Account, Cursor: cursor, Position: position, At: at}
	replayed, reason, err := replay.Run(ctx, &plainReplay{session: s, who: who})
	if reason != nil {
		s.end(reason, err)
		return
	}
	s.goLive(replayed)
}

// goLive starts the live stream, and the pings.
func (s *session) goLive(replayed int64) {
	s.mu.Lock()
	if !s.closed {
		now := s.handler.now()
		s.PingAt = now + s.handler.PingInterval
		s.RefreshAt = now + s.handler.CursorRefresh
		s.Known = max(s.Known, replayed)
		s.arm()
	}
	s.mu.Unlock()
	s.member.Live(replayed)
}

// renew exchanges the token of a live session.
func (s *session) renew(ctx context.Context, token string) {
	defer s.done()
	who, reason, err := Authenticate(ctx, s.handler.authn, token, s.handler.AuthTimeout)
	switch {
	case reason != nil:
		s.end(reason, err)
		return
	case who.Account != s.member.Account():
		s.end(AccountForbidden, nil)
		return
	}
	s.member.Identify(who.Subject, who.ExpiresAt)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.lives(who.ExpiresAt)
	s.member.Send(NewMessage(appendExpiry(nil, "renewed", who.ExpiresAt)))
	s.arm()
}
