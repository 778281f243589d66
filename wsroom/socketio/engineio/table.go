package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
)

// table finds the sessions that are polling. Those that began as a WebSocket, or have become one, are nobody's to find.
type table struct {
	mu       sync.Mutex
	sessions map[string]*Session
}

func (t *table) put(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sessions == nil {
		t.sessions = make(map[string]*Session)
	}
	t.sessions[s.sid] = s
}

func (t *table) get(sid string) (*Session, *poll) {
	t.mu.Lock()
	s := t.sessions[sid]
	t.mu.Unlock()
	if s == nil {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == nil {
		return nil, nil // a WebSocket since this moment
	}
	return s, s.poll
}

func (t *table) remove(sid string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, sid)
}

// NewID makes an id that cannot be guessed.
func NewID() string {
	var random [15]byte
	_, _ = rand.Read(random[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(random[:])
}
