package wsroom

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
	"unique"
)

// What is kept of a text that a client chooses: a browser's name is shorter, and so is nearly every subject.
const (
	maxAgent = 200
	// MaxSubject is how much of a subject is kept, in bytes.
	MaxSubject = 256
)

// Connection is what an operator may know of one: nothing that lets anybody in.
type Connection struct {
	ID        string // see Member.ID
	Account   string // "" for one that has not said whose it is
	Subject   string // of its token; of a long one the beginning
	Protocol  string // the label of metrics
	Transport string // "websocket" or "polling"
	State     string // "waiting" for its token, "replaying", "live", "closing"
	Since     time.Time
	UserAgent string // printable, and not longer than maxAgent
	From      netip.AddrPort
	Messages  int   // in its queue, those being written included
	Bytes     int   // of them
	Queued    int64 // the last event that was queued for it, or told to it as a position
	Written   int64 // the last that the kernel has taken, or its poll was answered with
	ExpiresAt time.Time
}

// Match selects connections: all that is not empty must fit.
type Match struct {
	Account string
	Subject string // as Connection has it
	ID      string
}

// facts are what a member carries along for operators alone: little, because texts are shared with those who have the same.
type facts struct {
	since   time.Duration         // on the hub's clock
	agent   unique.Handle[string] // set before Attach
	subject unique.Handle[string] // these are under the member's lock
	expires int64                 // Unix milliseconds; 0: no token yet
}

// ID names the connection, among those of all daemons if the hub's name does: the name, a dot, a number. It is no secret. "" for a connection that no hub
// has admitted.
func (m *Member) ID() string {
	if m.hub == nil {
		return ""
	}
	return m.hub.name + "." + strconv.FormatInt(m.number, 10)
}

// NoteUserAgent keeps the header for Connections. Before Attach.
func (m *Member) NoteUserAgent(header string) {
	m.facts.agent = unique.Make(printable(header, maxAgent))
}

// Identify keeps for Connections what the token says; to be called again when it is renewed.
func (m *Member) Identify(subject string, expiresAt time.Time) {
	handle := unique.Make(clipped(subject, MaxSubject))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.facts.subject, m.facts.expires = handle, expiresAt.UnixMilli()
}

// Connections lists who is connected, the oldest first: up to limit of them, and how many there are. Of the hub's lock it takes no more than a copy of
// pointers.
func (h *Hub) Connections(match Match, limit int) (list []Connection, total int) {
	for _, m := range h.pick(match) {
		m.mu.Lock()
		if m.fits(match) {
			if total++; total <= limit {
				list = append(list, m.connection())
			}
		}
		m.mu.Unlock()
	}
	return list, total
}

// Kick ends connections as a drain does: what is queued for those that are live goes out, they are closed with 1012 "restart", come back with their cursor,
// and lose nothing. It does not wait for that. It returns how many were not ending already; of an empty Match, none.
func (h *Hub) Kick(match Match) (kicked int) {
	if match == (Match{}) {
		return 0
	}
	for _, m := range h.pick(match) {
		m.mu.Lock()
		if m.fits(match) && m.end(Restart, true) {
			kicked++
		}
		m.mu.Unlock()
	}
	return kicked
}

// pick copies who may match, the oldest first.
func (h *Hub) pick(match Match) []*Member {
	number, named := int64(0), false
	if match.ID != "" {
		if number, named = h.numberOf(match.ID); !named {
			return nil
		}
	}
	h.mu.Lock()
	var members []*Member
	if match.Account != "" {
		members = slices.Clone(h.rooms[match.Account])
	} else {
		members = append(h.everybody(), h.everybodyWaiting()...)
	}
	h.mu.Unlock()
	if named {
		i := slices.IndexFunc(members, func(m *Member) bool { return m.number == number })
		if i < 0 {
			return nil
		}
		return members[i : i+1]
	}
	slices.SortFunc(members, func(a, b *Member) int { return cmp.Compare(a.number, b.number) })
	return members
}

// numberOf takes an ID of this hub's apart.
func (h *Hub) numberOf(id string) (number int64, ok bool) {
	name, text, found := strings.Cut(id, ".")
	if !found || name != h.name {
		return 0, false
	}
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil
}

// fits is what pick cannot know. Under the member's lock, which Join and Part hold, too, when they set the account.
func (m *Member) fits(match Match) bool {
	return m.stage != left && m.receiver != nil &&
		(match.Account == "" || match.Account == m.account) &&
		(match.Subject == "" || clipped(match.Subject, MaxSubject) == text(m.facts.subject))
}

// connection is the member as it is now. Under its lock.
func (m *Member) connection() Connection {
	c := Connection{
		ID: m.ID(), Account: m.account, Subject: text(m.facts.subject), Protocol: m.protocol.name, Transport: "websocket", State: m.state(),
		Since: m.hub.began.Add(m.facts.since), UserAgent: text(m.facts.agent), From: m.from,
		Messages: m.queue.len() + m.ahead.len() + int(m.taken), Bytes: m.bytes, Queued: m.last, Written: m.wrote,
	}
	if other, ok := m.receiver.(interface{ Transport() string }); ok {
		c.Transport = other.Transport()
	}
	if c.Messages == 0 {
		c.Written = m.last // also what a replay has written past the queue
	}
	if m.facts.expires != 0 {
		c.ExpiresAt = time.UnixMilli(m.facts.expires)
	}
	return c
}

func (m *Member) state() string {
	switch {
	case m.ending != nil:
		return "closing"
	case m.stage == attached:
		return "waiting"
	case m.stage == buffering:
		return "replaying"
	}
	return "live"
}

// text is "" for a handle that was never made.
func text(h unique.Handle[string]) string {
	if h == (unique.Handle[string]{}) {
		return ""
	}
	return h.Value()
}

// printable is text that can be shown anywhere.
func printable(text string, limit int) string {
	return clipped(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, clipped(text, 2*limit)), limit)
}

// clipped is the beginning of a text, whole letters, no more than limit bytes.
func clipped(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
