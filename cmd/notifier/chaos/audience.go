package main

import (
	"time"

	"notifier/notifier"
)

// sitting is the time from a screen's fetching of its list to its next: what comes meanwhile is everything, once and
// in order, over however many connections.
type sitting struct {
	from     int64 // events after it are expected
	receipts []receipt
}

// sittings cuts a screen's history where it was told to fetch its list again. Where a stream begins of which the
// protocol does not tell is known of the first one only, and only if the screen was there before the first change.
//
// Wherever a stream says that it begins: what was changed after it had been opened is in no list that was fetched then.
func sittings(streams []stream, events []event, early bool) []sitting {
	var all []sitting
	for i, s := range streams {
		if i == 0 || !s.recovered {
			from := s.from.Seq
			if s.from.Epoch == 0 && (i > 0 || !early) { // a protocol that does not tell
				from = endless
			}
			all = append(all, sitting{from: min(from, before(events, s.opened))})
		}
		last := &all[len(all)-1]
		if len(last.receipts) == 0 && len(s.receipts) > 0 {
			last.from = min(last.from, s.receipts[0].id.Seq-1)
		}
		last.receipts = append(last.receipts, s.receipts...)
	}
	return all
}

// endless is a number that no event has.
const endless = int64(1) << 62

// before is the place before the first event that was changed later.
func before(events []event, at time.Time) int64 {
	for _, e := range events {
		if e.changedAt.After(at) {
			return e.id.Seq - 1
		}
	}
	return endless
}

// judgeScreen compares what one screen received with the log of its account.
func (v *verdict) judgeScreen(s *screen, r *record, w *world) {
	streams, wrong := s.history()
	for _, what := range wrong {
		v.fault("%s was told what it does not understand: %s", s.name, what)
	}
	v.screens++
	if len(streams) == 0 {
		v.fault("%s was never connected", s.name)
		return
	}
	all := sittings(streams, r.events[s.account], w.plan.before == nil)
	v.cuts += len(streams) - 1
	v.refetches += len(all) - 1
	v.judgeRecoveries(s.name, streams)
	seen := map[notifier.Cursor]bool{}
	delivered := v.delivered
	for i, sat := range all {
		v.judgeOrder(s, sat, r, seen)
		upTo := endless
		if i < len(all)-1 {
			upTo = lastKnown(sat, r)
		}
		for _, e := range r.events[s.account] {
			if e.id.Seq <= sat.from || e.id.Seq > upTo || seen[e.id] {
				continue
			}
			v.missed++
			if v.story == "" {
				v.story = w.storyOfEvent(s, streams, e)
			}
		}
	}
	if v.delivered == delivered {
		v.fault("%s received nothing", s.name)
	}
	v.judgeResume(s.name, streams, r, w.overAt)
}

// judgeRecoveries: a stream that recovers what was missed begins where the screen had come to.
func (v *verdict) judgeRecoveries(name string, streams []stream) {
	at := notifier.Cursor{}
	for i, s := range streams {
		switch {
		case s.recovered && i == 0:
			v.fault("%s recovered, and had been nowhere", name)
		case s.recovered && s.from.Epoch > 0 && s.from != at:
			v.fault("%s came back with %s, and its stream begins at %s", name, at, s.from)
		case !s.recovered && s.from.Epoch > 0:
			at = s.from
		}
		if n := len(s.receipts); n > 0 {
			at = s.receipts[n-1].id
		}
	}
}

// judgeOrder looks at what came, one by one. What came in an earlier sitting may be in the new one, too: a screen is
// told to fetch its list also where it was ahead. What the database has lost was numbered in an earlier epoch.
func (v *verdict) judgeOrder(s *screen, sat sitting, r *record, seen map[notifier.Cursor]bool) {
	highest := int64(0)
	here := map[notifier.Cursor]bool{}
	for _, got := range sat.receipts {
		e, known := r.byID[got.id]
		switch {
		case got.account != s.account, known && e.account != s.account:
			v.misrouted++
		case !known && v.scenario.allows.lostTail && got.id.Epoch < r.epoch:
			v.void++
		case !known:
			v.unknown++
		case e.appointment != got.appointment:
			v.fault("event %s is about appointment %d and came with the data of %d", got.id, e.appointment, got.appointment)
		case here[got.id]:
			v.repeated++
		default:
			v.delivered++
			if got.id.Seq < highest {
				v.disordered++
			}
			highest = max(highest, got.id.Seq)
		}
		here[got.id], seen[got.id] = true, true
	}
}

// lastKnown is the last event of a sitting that is in the log.
func lastKnown(sat sitting, r *record) (seq int64) {
	for _, got := range sat.receipts {
		if _, known := r.byID[got.id]; known {
			seq = max(seq, got.id.Seq)
		}
	}
	return seq
}

// judgeResume finds when the screen had its first event of after the fault; the slowest screen counts.
func (v *verdict) judgeResume(name string, streams []stream, r *record, overAt time.Time) {
	for _, s := range streams {
		for _, got := range s.receipts {
			if e, known := r.byID[got.id]; known && e.changedAt.After(overAt) {
				v.resume = max(v.resume, got.at.Sub(overAt))
				return
			}
		}
	}
	v.fault("%s received nothing of after the fault", name)
}
