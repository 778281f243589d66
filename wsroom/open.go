package wsroom

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	errNoAccount     = errors.New("the token names no account")
	errAuthTimeout   = errors.New("the token was not checked in time")
	errPartialReplay = errors.New("the log gave a part and then refused the cursor")
)

// identity is what a token has proved.
type identity struct {
	account   string
	expiresAt time.Time
}

// authenticate checks a token within AuthTimeout. What it returns as a reason is for the client, as the error for the log.
func (h *handler) authenticate(ctx context.Context, token string) (identity, *Ending, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, h.AuthTimeout, errAuthTimeout)
	defer cancel()
	account, _, expiresAt, err := h.authn.Authenticate(ctx, token)
	switch {
	case err != nil:
		return identity{}, reasonOf(err), fmt.Errorf("authenticate: %w", err)
	case account == "":
		return identity{}, TokenInvalid, errNoAccount
	case !time.Now().Before(expiresAt):
		return identity{}, TokenExpired, nil
	}
	return identity{account, expiresAt}, nil, nil
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
	who, reason, err := s.handler.authenticate(ctx, token)
	if reason != nil {
		s.end(reason, err)
		return
	}
	position, at, err := s.member.Join(who.account)
	if err != nil {
		s.end(refusal(err), nil)
		return
	}
	s.mu.Lock()
	s.joined = true
	s.lives(who.expiresAt)
	s.known = position
	s.arm()
	s.mu.Unlock()

	if reason, err := s.catchUp(ctx, who, cursor, place{position, at}); reason != nil {
		s.end(reason, err)
	}
}

// catchUp welcomes the client, with what it missed if it brought a cursor, and goes live.
func (s *session) catchUp(ctx context.Context, who identity, cursor string, joined place) (*Ending, error) {
	if cursor != "" {
		replayed, reason, err := s.replay(ctx, who, cursor, joined)
		if reason == nil {
			s.goLive(replayed)
		}
		return reason, err
	}
	if err := s.conn.Write(s.welcome(who, joined.cursor, false)); err != nil {
		return Lost, err
	}
	s.goLive(joined.seq)
	return nil, nil
}

// goLive starts the live stream, and the pings.
func (s *session) goLive(replayed int64) {
	s.mu.Lock()
	if !s.closed {
		now := s.handler.now()
		s.pingAt = now + s.handler.PingInterval
		s.refreshAt = now + s.handler.CursorRefresh
		s.known = max(s.known, replayed)
		s.arm()
	}
	s.mu.Unlock()
	s.member.Live(replayed)
}

// renew exchanges the token of a live session.
func (s *session) renew(ctx context.Context, token string) {
	defer s.done()
	who, reason, err := s.handler.authenticate(ctx, token)
	switch {
	case reason != nil:
		s.end(reason, err)
		return
	case who.account != s.member.Account():
		s.end(AccountForbidden, nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.lives(who.expiresAt)
	s.member.Send(NewMessage(appendExpiry(nil, "renewed", who.expiresAt)))
	s.arm()
}
