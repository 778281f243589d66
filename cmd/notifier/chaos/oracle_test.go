package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"notifier/notifier"
)

// A check that cannot fail is a defect. Here every judgement is given a day on which all is well, and then one on which
// one thing is not.

// made is one change of a fabricated day.
type made struct {
	appointment     int32
	account, status string
}

const (
	finished  = "FINALIZADO"
	cancelled = "CANCELADO"
	thisEpoch = 7 // of fabricated logs
)

var (
	opening = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	aDay    = []made{
		{1, "1", finished}, {2, "2", finished}, {1, "1", cancelled}, {3, "1", finished},
		{4, "2", cancelled}, {1, "1", finished}, {5, "1", cancelled}, {6, "2", finished},
	}
)

// at is when the n-th change of a day is made.
func at(n int) time.Time { return opening.Add(time.Duration(n) * time.Minute) }

// logOf numbers a day.
func logOf(day []made) []event {
	log := make([]event, len(day))
	for i, m := range day {
		id := notifier.Cursor{Epoch: thisEpoch, Seq: int64(i + 1)}
		log[i] = event{id: id, appointment: m.appointment, account: m.account, status: m.status, changedAt: at(i + 1)}
	}
	return log
}

func recordOf(day []made, log []event) *record {
	r := newRecord()
	for i, m := range day {
		r.change(m.appointment, m.account, m.status, at(i+1))
	}
	for _, e := range log {
		r.add(e)
	}
	return r
}

// ofAccount are the events of one account, as they come to its screens.
func ofAccount(account string, log []event) (receipts []receipt) {
	for _, e := range log {
		if e.account == account {
			receipts = append(receipts, receipt{id: e.id, appointment: e.appointment, account: e.account, at: e.changedAt.Add(time.Millisecond)})
		}
	}
	return receipts
}

// without leaves away the n-th, counted from 0.
func without[T any](list []T, n int) []T { return slices.Delete(slices.Clone(list), n, n+1) }

// swapped exchanges two.
func swapped[T any](list []T, i, k int) []T {
	list = slices.Clone(list)
	list[i], list[k] = list[k], list[i]
	return list
}

func newVerdict(allows allowance) *verdict {
	return &verdict{scenario: &scenario{name: "fabricated", allows: allows}, resume: -1}
}

// quietWorld is one whose fault was over after its fourth change.
func quietWorld() *world {
	w := &world{options: options{changes: len(aDay)}, overAt: at(4).Add(time.Second), clinic: newClinic(nil, 1, 1, 1)}
	w.clinic.changes.Store(int64(len(aDay)))
	return w
}

// wantFaults compares what was found with what should have been: as many, and each begins so.
func wantFaults(t *testing.T, got []string, want ...string) {
	t.Helper()
	same := len(got) == len(want)
	for i := 0; same && i < len(got); i++ {
		same = strings.HasPrefix(got[i], want[i])
	}
	if !same {
		t.Errorf("the faults are\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestTheLogIsComparedWithWhatWasCommitted(t *testing.T) {
	day := func(edit func(day []made) []made) []event { return logOf(edit(slices.Clone(aDay))) }
	for name, test := range map[string]struct {
		log  []event
		want []string
	}{
		"all is well": {logOf(aDay), nil},
		"a change is lost": {
			day(func(day []made) []made { return without(day, 4) }),
			[]string{"1 committed changes are not in the log"},
		},
		"an appointment is lost with its only change, the last one": {
			logOf(aDay)[:7],
			[]string{"1 committed changes are not in the log"},
		},
		"a change is doubled": {
			day(func(day []made) []made { return append(day, day[4]) }),
			[]string{"1 events in the log are no committed change"},
		},
		"two changes of an appointment are inverted": {
			day(func(day []made) []made { return swapped(day, 0, 2) }),
			[]string{"1 appointments whose events are in another order"},
		},
		"two changes of different appointments are exchanged, which is no inversion": {
			day(func(day []made) []made { return swapped(day, 0, 1) }), nil,
		},
		"an event has another status": {
			day(func(day []made) []made { day[4].status = finished; return day }),
			[]string{"1 committed changes are not in the log", "1 events in the log are no committed change"},
		},
		"an event has another account": {
			day(func(day []made) []made { day[4].account = "1"; return day }),
			[]string{"1 committed changes are not in the log", "1 events in the log are no committed change"},
		},
		"nobody made it": {
			day(func(day []made) []made { return append(day, made{99, "1", finished}) }),
			[]string{"1 events in the log are no committed change"},
		},
		"a number is missing": {
			without(logOf(aDay), 4),
			[]string{"the log has 7 events between 1 and 8: a gap", "1 committed changes are not in the log"},
		},
		"it does not begin at 1": {
			logOf(aDay)[1:],
			[]string{"the log begins with number 2", "1 committed changes are not in the log"},
		},
		"it is empty": {nil, []string{"8 committed changes are not in the log"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerdict(allowance{})
			v.judgeLog(recordOf(aDay, test.log))
			v.conclude(allowance{})
			wantFaults(t, v.faults, test.want...)
			if told := v.story != ""; told != (len(test.want) > 0) {
				t.Errorf("the story is %q", v.story)
			}
		})
	}
}

func TestAComparisonOfTooLittleIsAFault(t *testing.T) {
	for name, test := range map[string]struct {
		committed, told, asked int
		overAt                 time.Time
		allows                 allowance
		want                   []string
	}{
		"as much as was asked for":                                  {8, 8, 8, at(4), allowance{}, nil},
		"more than the clinic was told, whose link ended meanwhile": {8, 7, 8, at(4), allowance{}, nil},
		"less than was asked for":                                   {8, 8, 9, at(4), allowance{}, []string{"8 changes were committed, want 9"}},
		"nothing": {
			0, 0, 8, at(-1), allowance{},
			[]string{"0 changes were committed, want 8", "nothing was committed after the fault"},
		},
		"less than the clinic was told": {
			8, 9, 8, at(4), allowance{},
			[]string{"the clinic was told that 9 changes are committed, and 8 are"},
		},
		"less than the clinic was told, since the database lost it": {8, 9, 8, at(4), allowance{lostCommits: true}, nil},
		"nothing after the fault":                                   {8, 8, 8, at(8), allowance{}, []string{"nothing was committed after the fault"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := quietWorld()
			w.changes, w.overAt = test.asked, test.overAt
			w.clinic.changes.Store(int64(test.told))
			r := recordOf(aDay[:test.committed], logOf(aDay[:test.committed]))
			v := newVerdict(test.allows)
			v.judgeLog(r)
			v.judgeAmount(r, w)
			wantFaults(t, v.faults, test.want...)
		})
	}
}

func TestWhatAScenarioMakesInevitableMustHappenAndNothingElse(t *testing.T) {
	const noFault = ": the fault was none"
	for name, test := range map[string]struct {
		allows    allowance
		happens   verdict
		forbidden string // the fault where the scenario does not allow it
	}{
		"links cut":     {allowance{linksCut: true}, verdict{cuts: 3}, "3 times a screen lost its connection"},
		"refetch":       {allowance{refetch: true}, verdict{refetches: 3}, "3 times a screen was told to fetch its list"},
		"lost tail":     {allowance{lostTail: true}, verdict{void: 3}, "3 events at screens are lost in the database"},
		"clinic's link": {allowance{linkLost: true}, verdict{failures: map[string]int{lostLink: 3}}, "3 connections of the clinic ended"},
		"clinic's failures": {
			allowance{clinic: []string{"40001"}}, verdict{failures: map[string]int{"40001": 3}}, "3 transactions of the clinic failed: 40001",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := test.happens
			v.conclude(test.allows)
			wantFaults(t, v.faults)
			v = test.happens
			v.conclude(allowance{})
			wantFaults(t, v.faults, test.forbidden)
			v = verdict{}
			v.conclude(test.allows)
			if len(v.faults) != 1 || !strings.HasPrefix(v.faults[0], "0 ") || !strings.HasSuffix(v.faults[0], noFault) {
				t.Errorf("when nothing happens, the faults are %q", v.faults)
			}
		})
	}
}

func TestNoScenarioMakesItsLossesInevitable(t *testing.T) {
	all := allowance{linksCut: true, refetch: true, lostTail: true, lostCommits: true, linkLost: true}
	v := verdict{
		cuts: 1, refetches: 1, void: 1, lost: 1, doubled: 1, inverted: 1, missed: 1, disordered: 1, misrouted: 1, repeated: 1, unknown: 1,
		failures: map[string]int{lostLink: 1, "40P01": 1, hung: 1},
	}
	v.conclude(all)
	if len(v.faults) != 10 {
		t.Errorf("%d faults, want one for each of 10 counts: %q", len(v.faults), v.faults)
	}
}
