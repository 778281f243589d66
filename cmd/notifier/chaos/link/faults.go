package link

import "time"

// faults is what is wrong with a link at a moment. It is replaced, never written.
type faults struct {
	dial      Dial
	blackHole bool
	frozen    bool
	refuse    bool
	delay     time.Duration
	changed   chan struct{} // closed when it is replaced
}

func (l *Link) change(edit func(*faults)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.faults.Load()
	next := *old
	next.changed = make(chan struct{})
	edit(&next)
	l.faults.Store(&next)
	close(old.changed)
}

// Heal ends every fault. What was held up is delivered, unless its connection has ended.
func (l *Link) Heal() {
	l.change(func(f *faults) { f.blackHole, f.frozen, f.refuse, f.delay = false, false, false, 0 })
}

// BlackHole makes of the link what a firewall that drops makes of it: nothing comes through, in either
// direction, not even the news that an end has closed; new connections hang. To be healed, or Cut.
func (l *Link) BlackHole() { l.change(func(f *faults) { f.blackHole = true }) }

// Freeze makes of the clients such that read nothing: what the server sends is not taken any more, so
// that the server's buffers fill; what the clients send still arrives.
func (l *Link) Freeze() { l.change(func(f *faults) { f.frozen = true }) }

// Delay makes everything arrive so much later, in each direction. It is a longer way, not a narrower
// one: as long as no more than the window is under way, what was sent at once arrives at once.
func (l *Link) Delay(delay time.Duration) { l.change(func(f *faults) { f.delay = delay }) }

// Refuse makes the link reset new connections at once, or no longer. Those that there are go on.
func (l *Link) Refuse(refuse bool) { l.change(func(f *faults) { f.refuse = refuse }) }

// Retarget makes new connections lead elsewhere. Those that there are stay where they are.
func (l *Link) Retarget(dial Dial) { l.change(func(f *faults) { f.dial = dial }) }
