package main

import (
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
func sittings(streams []stream, early bool) []sitting {
	var all []sitting
	for i, s := range streams {
		if i == 0 || !s.recovered {
			from := s.from.Seq
			if s.from.Epoch == 0 && (i > 0 || !early) { // a protocol that does not tell: from the first event on
				from = endless
				if len(s.receipts) > 0 {
					from = s.receipts[0].id.Seq - 1
				}
			}
			all = append(all, sitting{from: from})
		}
		last := &all[len(all)-1]
		last.receipts = append(last.receipts, s.receipts...)
		if last.from == endless && len(last.receipts) > 0 {
			last.from = last.receipts[0].id.Seq - 1
		}
	}
	return all
}

// endless is a number that no event has.
const endless = int64(1) << 62

// judgeScreen compares what one screen received with the log of its account.
func (v *verdict) judgeScreen(s *screen, r *record, w *world) {
	streams := s.history()
	all := sittings(streams, w.plan.before == nil)
	v.screens++
	v.cuts += len(streams) - 1
	v.refetches += len(all) - 1
	seen := map[notifier.Cursor]bool{}
	repeated := v.repeated
	for i, sat := range all {
		v.judgeOrder(s, sat, r, seen)
		upTo := endless
		if i < len(all)-1 || s.mute {
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
	if len(streams) == 1 && v.repeated > repeated {
		v.fault("%s got %d events twice on its one connection", s.name, v.repeated-repeated)
	}
	v.judgeResume(streams, r, w)
}

// judgeOrder looks at what came, one by one.
func (v *verdict) judgeOrder(s *screen, sat sitting, r *record, seen map[notifier.Cursor]bool) {
	highest := int64(0)
	for _, got := range sat.receipts {
		e, known := r.byID[got.id]
		switch {
		case got.account != s.account, known && e.account != s.account:
			v.misrouted++
		case !known:
			v.unknown++
		case seen[got.id]:
			v.repeated++
		case e.appointment != got.appointment:
			v.fault("event %s is about appointment %d and came with the data of %d", got.id, e.appointment, got.appointment)
		default:
			v.delivered++
			if got.id.Seq < highest {
				v.disordered++
			}
			highest = max(highest, got.id.Seq)
		}
		seen[got.id] = true
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
func (v *verdict) judgeResume(streams []stream, r *record, w *world) {
	for _, s := range streams {
		for _, got := range s.receipts {
			if e, known := r.byID[got.id]; known && e.changedAt.After(w.overAt) {
				v.resume = max(v.resume, got.at.Sub(w.overAt))
				return
			}
		}
	}
}
