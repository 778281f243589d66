package notifier

import "time"

// look is what one look into the database has seen.
type look struct {
	seq, epoch   int64
	staged       int // rows that wait to be numbered, up to a bound
	oldest       time.Duration
	waiting      int // effects that are not settled
	failing      int // of these, those that cannot be
	firstFailing int64
	firstProblem string // its SQLSTATE; "" or "guarded" when nobody could try
	queue        float64
}

// pumping judges whether what waits in staging is worked off. It opens a window at one look, and expects the rows
// that wait then to be numbered within its patience. How old a row is says nothing: one that was changed a minute ago
// by a transaction that has committed just now is fresh to us.
type pumping struct {
	patience time.Duration

	verdict     string    // "", PumpStuck or StagingGrowing
	since       time.Time // when the window was opened; zero: nothing waited
	seen        time.Time // the last look
	epoch       int64
	seq, target int64 // where the log's end was, and where it is when the window's rows are numbered
}

func (p *pumping) see(now time.Time, l look) {
	if now.Sub(p.seen) >= p.patience { // we were stopped ourselves: the pump, too
		p.forget()
	}
	p.seen = now
	switch {
	case l.staged == 0:
		p.verdict = ""
	case p.since.IsZero() || l.epoch != p.epoch || l.seq < p.seq:
	case l.seq >= p.target:
		p.verdict = ""
	case now.Sub(p.since) < p.patience:
		return
	case l.seq == p.seq:
		p.verdict = PumpStuck
	default:
		p.verdict = StagingGrowing
	}
	p.open(now, l)
}

// keptOut is a look that found a table locked.
func (p *pumping) keptOut(now time.Time) {
	p.seen = now
	switch {
	case p.since.IsZero():
		p.open(now, look{staged: 1}) // of no epoch: the next look opens another window
	case now.Sub(p.since) >= p.patience:
		p.verdict = PumpStuck
	}
}

func (p *pumping) open(now time.Time, l look) {
	p.since, p.epoch, p.seq, p.target = now, l.epoch, l.seq, l.seq+int64(l.staged)
	if l.staged == 0 {
		p.forget()
	}
}

// forget closes the window without a verdict, for when nobody could see what happened in it.
func (p *pumping) forget() { p.since = time.Time{} }

// stall judges whether an effect cannot be applied: the same one all through its patience. After that it goes on
// until none is failing.
type stall struct {
	patience time.Duration

	verdict string // "" or ReleaseFailing
	seq     int64
	since   time.Time
}

func (s *stall) see(now time.Time, l look) {
	switch {
	case l.failing == 0:
		s.verdict = ""
		s.forget()
	case s.verdict != "":
	case s.seq != l.firstFailing:
		s.seq, s.since = l.firstFailing, now
	case now.Sub(s.since) >= s.patience:
		s.verdict = ReleaseFailing
	}
}

func (s *stall) forget() { s.seq = 0 }

// The trigger rings no bell from half a queue on. It is well again a little below, so that it does not sway.
const (
	queueFull = 0.5
	queueWell = 0.45
)

// queueVerdict is "" or NotifyQueueFull.
func queueVerdict(last string, usage float64) string {
	switch {
	case usage >= queueFull:
		return NotifyQueueFull
	case usage < queueWell:
		return ""
	}
	return last
}
