package main

import (
	"fmt"

	"notifier/cmd/notifier/bench"
)

// entry is an event of the log.
type entry struct {
	account     int64
	appointment int32
}

// findings are what came of all deliveries.
type findings struct {
	Finalised  int      `json:"finalised"`  // appointments
	Unlogged   int      `json:"unlogged"`   // of them, those that no event is about
	Repeated   int      `json:"repeated"`   // events about what another is about
	Expected   int      `json:"expected"`   // deliveries
	Lost       int      `json:"lost"`       // of them
	Doubled    int      `json:"doubled"`    // deliveries to who had it
	Disordered int      `json:"disordered"` // deliveries after a later one
	Misrouted  int      `json:"misrouted"`  // deliveries of another account's, or of no event of the log; and events that name another account
	Resyncs    int      `json:"resyncs"`    // sockets that were told to fetch their list again: no fault of a soak is a reason for it
	Unreleased int      `json:"unreleased"` // doctors of finalised appointments who are still busy
	Examples   []string `json:"examples,omitempty"`
}

const maxExamples = 10

func (f *findings) example(format string, args ...any) {
	if len(f.Examples) < maxExamples {
		f.Examples = append(f.Examples, fmt.Sprintf(format, args...))
	}
}

// wrong is the number of everything that must not be.
func (f *findings) wrong() int {
	return f.Unlogged + f.Repeated + f.Lost + f.Doubled + f.Disordered + f.Misrouted + f.Resyncs + f.Unreleased
}

// judge compares what the clinic has committed with the log, and the log with what each socket has heard. The log is in its order; sent says of each
// finalised appointment whose it is and when its COMMIT was sent.
func judge(log []entry, sent map[int32]bench.Sending, streams []bench.Stream) *findings {
	f := &findings{Finalised: len(sent)}
	rooms := f.judgeLog(log, sent)
	for _, stream := range streams {
		r := rooms[stream.Account]
		if r == nil {
			r = newRoom()
		}
		r.judge(f, stream)
	}
	return f
}

// judgeLog finds each appointment's event, and sorts them by account.
func (f *findings) judgeLog(log []entry, sent map[int32]bench.Sending) map[int64]*room {
	rooms := make(map[int64]*room)
	logged := make(map[int32]bool, len(log))
	for _, e := range log {
		if logged[e.appointment] {
			f.Repeated++
			f.example("appointment %d has two events", e.appointment)
			continue
		}
		logged[e.appointment] = true
		if s, known := sent[e.appointment]; !known || s.Account != e.account {
			f.Misrouted++
			f.example("the log has appointment %d as account %d's", e.appointment, e.account)
		}
		r := rooms[e.account]
		if r == nil {
			r = newRoom()
			rooms[e.account] = r
		}
		r.places[e.appointment] = len(r.events)
		r.events = append(r.events, e.appointment)
		r.sent = append(r.sent, sent[e.appointment].At)
	}
	for appointment := range sent {
		if !logged[appointment] {
			f.Unlogged++
			f.example("appointment %d is finalised and has no event", appointment)
		}
	}
	return rooms
}

// room is the log of one account.
type room struct {
	events []int32
	sent   []int64
	places map[int32]int
}

func newRoom() *room { return &room{places: make(map[int32]int)} }

// judge looks at one socket. From the first event that it heard on, it is to have each, once and in order; and whatever was committed after its welcome.
// Where it was told to fetch its list again, that begins anew.
func (r *room) judge(f *findings, s bench.Stream) {
	heard := make([]bool, len(r.events))
	highest := -1
	f.Resyncs += max(len(s.Spells)-1, 0)
	for i, spell := range s.Spells {
		first := len(r.events)
		for _, appointment := range spell.Heard {
			place, known := r.places[appointment]
			switch {
			case !known:
				f.Misrouted++
				f.example("%s of account %d heard of appointment %d, which is none of its", s.Protocol, s.Account, appointment)
				continue
			case heard[place]:
				f.Doubled++
				f.example("%s of account %d heard twice of appointment %d", s.Protocol, s.Account, appointment)
			case place < highest:
				f.Disordered++
				f.example("%s of account %d heard of appointment %d after a later one", s.Protocol, s.Account, appointment)
			}
			heard[place] = true
			first, highest = min(first, place), max(highest, place)
		}
		end := highest + 1 // what came between this and the next welcome is in the list that was fetched
		if i == len(s.Spells)-1 {
			end = len(r.events)
		}
		r.missing(f, s, heard[:end], min(first, r.committed(spell.Since)))
	}
}

// missing counts what is due from a place on, and was not heard.
func (r *room) missing(f *findings, s bench.Stream, heard []bool, from int) {
	for place := from; place < len(heard); place++ {
		f.Expected++
		if !heard[place] {
			f.Lost++
			f.example("%s of account %d never heard of appointment %d", s.Protocol, s.Account, r.events[place])
		}
	}
}

// committed is the first place from which on everything was committed after a time. COMMITs are sent in another order than they are numbered in: so not the
// first that was.
func (r *room) committed(since int64) int {
	for place := len(r.sent) - 1; place >= 0; place-- {
		if r.sent[place] <= since {
			return place + 1
		}
	}
	return 0
}
