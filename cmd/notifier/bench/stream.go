package bench

// Stream is what one socket of a Crowd has heard, over all its connections.
type Stream struct {
	Account  int64
	Protocol string
	Spells   []Spell
}

// Spell is a part of a Stream from which nothing may be missing. The first begins with the first welcome. Another one begins whenever the server does not
// go on where the socket was, and tells it to fetch its list again.
type Spell struct {
	Since int64   // when the welcome was read, on the clock of Sending
	Heard []int32 // appointments, in the order in which they came
}

// joined takes a welcome.
func (s *Stream) joined(recovered bool, now int64) {
	if s != nil && (len(s.Spells) == 0 || !recovered) {
		s.Spells = append(s.Spells, Spell{Since: now})
	}
}

// hear takes an event's appointment. Before the first welcome nothing should come; what does is kept all the same.
func (s *Stream) hear(id int64) {
	if s == nil {
		return
	}
	if len(s.Spells) == 0 {
		s.Spells = append(s.Spells, Spell{})
	}
	last := &s.Spells[len(s.Spells)-1]
	last.Heard = append(last.Heard, int32(id)) //nolint:gosec // the column is an integer
}
