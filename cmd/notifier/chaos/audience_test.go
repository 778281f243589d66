package main

import (
	"slices"
	"testing"
	"time"

	"notifier/notifier"
)

func cursor(seq int64) notifier.Cursor { return notifier.Cursor{Epoch: thisEpoch, Seq: seq} }

// whole is the one connection of a screen of account 1 on a day on which all is well: events 1, 3, 4, 6 and 7.
func whole() stream {
	return stream{daemon: "daemon 1", opened: opening, from: cursor(0), receipts: ofAccount("1", logOf(aDay))}
}

// inTwo is the same, over two connections: the second one recovers after two events.
func inTwo() []stream {
	first, next := whole(), whole()
	first.receipts, next.receipts = first.receipts[:2], next.receipts[2:]
	first.ended = "cut"
	next.opened, next.recovered, next.from = at(3).Add(time.Second), true, cursor(3)
	return []stream{first, next}
}

// afresh is the same, but the second connection is told to fetch its list, at a time when event 3 was the last.
func afresh() []stream {
	streams := inTwo()
	streams[1].recovered = false
	return streams
}

// untold are streams of the protocol that does not tell where they begin.
func untold(streams ...stream) []stream {
	for i := range streams {
		streams[i].from = notifier.Cursor{}
	}
	return streams
}

// edited changes the receipts of the n-th stream.
func edited(streams []stream, n int, edit func([]receipt) []receipt) []stream {
	streams[n].receipts = edit(slices.Clone(streams[n].receipts))
	return streams
}

func drop(n int) func([]receipt) []receipt {
	return func(r []receipt) []receipt { return without(r, n) }
}

// second changes the second one.
func second(change func(*receipt)) func([]receipt) []receipt {
	return func(r []receipt) []receipt { change(&r[1]); return r }
}

const (
	missedOne = "1 events that a screen did not get"
	cutOne    = "1 times a screen lost its connection"
)

func TestAScreenIsComparedWithTheLogOfItsAccount(t *testing.T) {
	once := func() []stream { return []stream{whole()} }
	repeat := func(r []receipt) []receipt { return slices.Insert(r, 1, r[0]) }
	for name, test := range map[string]struct {
		streams []stream
		want    []string
	}{
		"all is well":                                               {once(), nil},
		"the protocol does not tell":                                {untold(whole()), nil},
		"it missed the first event":                                 {edited(once(), 0, drop(0)), []string{missedOne}},
		"it missed one in the middle":                               {edited(once(), 0, drop(2)), []string{missedOne}},
		"it missed the last event":                                  {edited(once(), 0, drop(4)), []string{missedOne}},
		"it missed the first event, and the protocol does not tell": {edited(untold(whole()), 0, drop(0)), []string{missedOne}},
		"it got one twice":                                          {edited(once(), 0, repeat), []string{"1 events came twice"}},
		"two came in the wrong order": {
			edited(once(), 0, func(r []receipt) []receipt { return swapped(r, 1, 2) }),
			[]string{"1 events came to a screen after a later one"},
		},
		"one was of another account": {
			edited(once(), 0, func(r []receipt) []receipt { return append(r, ofAccount("2", logOf(aDay))[0]) }),
			[]string{"1 events came to a screen of another account"},
		},
		"one came with another account's data": {
			edited(once(), 0, second(func(r *receipt) { r.account = "2" })),
			[]string{"1 events came to a screen of another account"},
		},
		"one came with another appointment's data": {
			edited(once(), 0, second(func(r *receipt) { r.appointment = 9 })),
			[]string{"event 7-3 is about appointment 1 and came with the data of 9"},
		},
		"one is not in the log": {
			edited(once(), 0, second(func(r *receipt) { r.id.Seq = 30 })),
			[]string{missedOne, "1 events at a screen are not in the log"},
		},
		"one has another epoch": {
			edited(once(), 0, second(func(r *receipt) { r.id.Epoch-- })),
			[]string{missedOne, "1 events at a screen are not in the log"},
		},
		"it received nothing": {
			edited(once(), 0, func([]receipt) []receipt { return nil }),
			[]string{"the screen received nothing", "the screen received nothing of after the fault", "5 events that a screen did not get"},
		},
		"it received nothing of after the fault": {
			edited(once(), 0, func(r []receipt) []receipt { return r[:3] }),
			[]string{"the screen received nothing of after the fault", "2 events that a screen did not get"},
		},
		"it never was connected": {nil, []string{"the screen was never connected"}},
		"it was told to begin later than it came": {
			func() []stream { s := edited(once(), 0, drop(0)); s[0].from = cursor(2); return s }(), []string{missedOne},
		},
		"it recovered at its first connection": {
			func() []stream { s := once(); s[0].recovered = true; return s }(), []string{"the screen recovered, and had been nowhere"},
		},
	} {
		t.Run(name, func(t *testing.T) { judgeStreams(t, allowance{}, quietWorld(), test.streams, test.want) })
	}
}

func TestAScreenThatComesBackMissesNothing(t *testing.T) {
	lastOfFirst := func(r []receipt) []receipt { return slices.Insert(r, 0, ofAccount("1", logOf(aDay))[1]) }
	cut := allowance{linksCut: true}
	fetch := allowance{linksCut: true, refetch: true}
	for name, test := range map[string]struct {
		allows  allowance
		streams []stream
		want    []string
	}{
		"all is well":                   {cut, inTwo(), nil},
		"the protocol does not tell":    {cut, untold(inTwo()...), nil},
		"nothing should have cut it":    {allowance{}, inTwo(), []string{cutOne}},
		"its first event was left away": {cut, edited(inTwo(), 1, drop(0)), []string{missedOne}},
		"the last one before was not sent": {
			cut, edited(inTwo(), 0, drop(1)),
			[]string{"the screen came back with 7-1, and its stream begins at 7-3", missedOne},
		},
		"the last one before came again": {cut, edited(inTwo(), 1, lastOfFirst), []string{"1 events came twice"}},
		"the same, without telling":      {cut, edited(untold(inTwo()...), 1, lastOfFirst), []string{"1 events came twice"}},
		"it recovered from another place": {
			cut, func() []stream { s := inTwo(); s[1].from = cursor(2); return s }(),
			[]string{"the screen came back with 7-3, and its stream begins at 7-2"},
		},
		"it fetched its list, as it should": {fetch, afresh(), nil},
		"it fetched, without telling":       {fetch, untold(afresh()...), nil},
		"it should not have to fetch":       {cut, afresh(), []string{"1 times a screen was told to fetch"}},
		"it fetched and missed what came":   {fetch, edited(afresh(), 1, drop(0)), []string{missedOne}},
		"the same, and does not know from":  {fetch, edited(untold(afresh()...), 1, drop(0)), []string{missedOne}},
		"it missed one before it fetched":   {fetch, edited(afresh(), 0, drop(0)), []string{missedOne}},
		"it was ahead, and gets one again":  {fetch, edited(afresh(), 1, lastOfFirst), nil},
		"one came twice after it had fetched": {
			fetch, edited(afresh(), 1, func(r []receipt) []receipt { return append(r, r[2]) }),
			[]string{"1 events came twice"},
		},
		"it was told to begin too late": {
			fetch, func() []stream { s := edited(afresh(), 1, drop(0)); s[1].from = cursor(5); return s }(), []string{missedOne},
		},
		"it received nothing since it fetched": {
			fetch, edited(untold(afresh()...), 1, func([]receipt) []receipt { return nil }),
			[]string{"the screen received nothing of after the fault", "3 events that a screen did not get"},
		},
	} {
		t.Run(name, func(t *testing.T) { judgeStreams(t, test.allows, quietWorld(), test.streams, test.want) })
	}
}

func judgeStreams(t *testing.T, allows allowance, w *world, streams []stream, want []string) {
	t.Helper()
	v := newVerdict(allows)
	v.judgeScreen(&screen{name: "the screen", account: "1", streams: streams}, recordOf(aDay, logOf(aDay)), w)
	v.conclude(allows)
	wantFaults(t, v.faults, want...)
	if v.missed > 0 && v.story == "" {
		t.Error("there is no story of the event that was lost")
	}
	if len(want) == 0 && (v.screens != 1 || v.delivered < 5 || v.resume != at(6).Add(time.Millisecond).Sub(w.overAt)) {
		t.Errorf("%d screens, %d delivered, back after %s", v.screens, v.delivered, v.resume)
	}
}

func TestAScreenThatCameLateIsOwedWhatIsAfterIt(t *testing.T) {
	late := func() []stream {
		s := whole()
		s.opened, s.from, s.receipts = at(3), cursor(3), s.receipts[2:]
		return []stream{s}
	}
	for name, test := range map[string]struct {
		streams []stream
		want    []string
	}{
		"all is well":                {late(), nil},
		"the protocol does not tell": {untold(late()...), nil},
		"it missed its first event":  {edited(late(), 0, drop(0)), []string{missedOne}},
		"and does not know from":     {edited(untold(late()...), 0, drop(0)), []string{missedOne}},
	} {
		t.Run(name, func(t *testing.T) {
			w := quietWorld()
			w.plan.before = fillStaging // the log did not begin with the screens
			v := newVerdict(allowance{})
			v.judgeScreen(&screen{name: "the screen", account: "1", streams: test.streams}, recordOf(aDay, logOf(aDay)), w)
			v.conclude(allowance{})
			wantFaults(t, v.faults, test.want...)
		})
	}
}

func TestOnlyWhatWasNumberedBeforeThePromotionMayBeLost(t *testing.T) {
	tail := allowance{lostTail: true}
	for name, test := range map[string]struct {
		epoch int64
		want  []string
	}{
		"of the server that is gone": {thisEpoch - 1, nil},
		"of the server that is here": {thisEpoch, []string{"1 events at a screen are not in the log", "0 events at screens are lost in the database"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := whole()
			s.receipts = append(s.receipts, receipt{id: notifier.Cursor{Epoch: test.epoch, Seq: 30}, account: "1"})
			judgeStreams(t, tail, quietWorld(), []stream{s}, test.want)
		})
	}
}

func TestAFrameThatNobodyUnderstandsIsAFault(t *testing.T) {
	for _, frame := range []string{`{`, `{"type":"event","id":"x"}`, `{"type":"welcome","cursor":"x"}`} {
		if err := (&plain{screen: &screen{}}).take(door{}, []byte(frame)); err == nil {
			t.Errorf("%s was understood", frame)
		}
	}
	s := &screen{name: "the screen", account: "1", streams: []stream{whole()}}
	s.misunderstood(errSilence)
	v := newVerdict(allowance{})
	v.judgeScreen(s, recordOf(aDay, logOf(aDay)), quietWorld())
	wantFaults(t, v.faults, "the screen was told what it does not understand: "+errSilence.Error())
}

func TestAScreenHasWhatItWasGivenLast(t *testing.T) {
	s := &screen{streams: inTwo()}
	if !s.has(7) || s.has(8) {
		t.Errorf("has(7), has(8): %t, %t, want only the first", s.has(7), s.has(8))
	}
	s = &screen{streams: append(inTwo(), stream{recovered: true, from: cursor(7)})}
	if !s.has(7) || s.has(8) {
		t.Error("a recovery without an event has what was there before it")
	}
	s = &screen{streams: append(inTwo(), stream{from: cursor(8)})}
	if !s.has(8) || s.has(9) {
		t.Error("a stream that begins afresh has what comes before it")
	}
	if (&screen{}).has(1) || (&screen{streams: untold(stream{})}).has(1) {
		t.Error("a screen that received nothing, of a protocol that does not tell, has something")
	}
}
