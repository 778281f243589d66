package engineio

import (
	"slices"
	"time"
)

// deadline is how long a client may keep a request waiting that is being read or answered.
type deadline struct {
	set func(time.Time) error
}

func (d *deadline) within(t time.Duration) { _ = d.set(time.Now().Add(t)) } // not supported: then the server's own has to do

// await sets a deadline, which the session's end may bring forward.
func (p *poll) await(within time.Duration, set func(time.Time) error) *deadline {
	d := &deadline{set}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending {
		within = min(within, lingerTime)
	}
	d.within(within)
	p.waits = append(p.waits, d)
	return d
}

// awaited takes it away, because the connection may be used for another request. Not after an error: what net/http still does with the connection is bounded
// by the deadline, too.
func (p *poll) awaited(d *deadline, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = slices.DeleteFunc(p.waits, func(other *deadline) bool { return other == d })
	if err == nil {
		_ = d.set(time.Time{}) // not supported: then there was none
	}
}
