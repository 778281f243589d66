package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"slices"
	"sync"
)

// table finds the sessions that are polling. Those that began as a WebSocket, or have become one, are nobody's to find.
type table struct {
	mu       sync.Mutex
	sessions map[string]*Session
	upgraded map[string]struct{} // the ids of those that have become a WebSocket, until they end
	empty    chan struct{}       // closed when nobody is left; nil: nobody waits for that
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
	t.checkEmpty()
}

// upgrade is for a session that has become a WebSocket.
func (t *table) upgrade(sid string) {
	t.remove(sid)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.upgraded == nil {
		t.upgraded = make(map[string]struct{})
	}
	t.upgraded[sid] = struct{}{}
}

func (t *table) hasUpgraded(sid string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.upgraded[sid]
	return known
}

// left is for the end of a session that was a WebSocket, maybe since ever.
func (t *table) left(sid string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.upgraded, sid)
}

// drain returns who is here, and a channel that is closed when nobody is any more. To be called once.
func (t *table) drain() (all []*Session, empty <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.empty = make(chan struct{})
	empty = t.empty
	all = slices.Collect(maps.Values(t.sessions))
	t.checkEmpty()
	return all, empty
}

func (t *table) checkEmpty() {
	if t.empty != nil && len(t.sessions) == 0 {
		close(t.empty)
		t.empty = nil
	}
}

// idLength is how long these ids are.
const idLength = 20

// NewID makes an id that cannot be guessed: whoever knows it may read the session's events. Ids are only looked up, by a hash that differs from process
// to process: no answer takes longer because more of an id is right.
func NewID() string {
	var random [idLength / 4 * 3]byte
	_, _ = rand.Read(random[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(random[:])
}
