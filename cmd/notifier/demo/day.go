package demo

// visit is an appointment in a doctor's day; times are minutes after midnight.
type visit struct {
	status        string
	start, length int
	changed       int // when the status was set
}

// plan lays out the day of an account's doctor number index, seen from now:
// mostly done before it, in progress around it, to come after it. Doctors 1
// and 4 run late, so that somebody whose time is past still waits.
func (s *seeder) plan(index int) []visit {
	now := deskTime(s.today)
	if index == 1 || index == 4 {
		now -= slotMinutes
	}
	var day []visit
	for start := opensAt + index*5; start+slotMinutes <= closesAt; start += slotMinutes {
		if s.rand.IntN(14) == 0 {
			continue // a gap
		}
		v := visit{start: start, length: 15 + 5*s.rand.IntN(3)}
		v.status = s.statusAt(start, now, index)
		v.changed = s.changedAt(v)
		day = append(day, v)
	}
	return day
}

// statusAt says how far an appointment of that start has come.
func (s *seeder) statusAt(start, now, index int) string {
	luck := s.rand.IntN(100)
	switch {
	case start+slotMinutes <= now: // over
		switch {
		case luck < 8:
			return statusMissed
		case luck < 16:
			return statusCancelled
		}
		return statusFinished
	case start <= now: // this is its time: of five doctors one has a pause
		if index == 3 {
			return statusArrived
		}
		return statusServing
	case start <= now+2*slotMinutes && luck < 55: // early
		return statusArrived
	case luck > 95:
		return statusCancelled
	}
	return statusBooked
}

// changedAt puts the last change of a visit where it would lie, never in the
// future of the clinic's clock.
func (s *seeder) changedAt(v visit) int {
	now := deskTime(s.today)
	switch v.status {
	case statusFinished, statusMissed:
		return min(v.start+v.length+s.rand.IntN(8), now)
	case statusServing:
		return min(v.start+s.rand.IntN(5), now)
	case statusArrived:
		return min(v.start-5-s.rand.IntN(20), now)
	}
	return min(v.start-60-s.rand.IntN(120), now)
}
