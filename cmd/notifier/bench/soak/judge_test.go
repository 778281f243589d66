package main

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"notifier/cmd/notifier/bench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Two accounts with five events and one, each sent ten ticks after the one before.
var (
	truth = []entry{{1, 11}, {1, 12}, {2, 21}, {1, 13}, {1, 14}, {1, 15}}
	sent  = sendings()
)

func sendings() map[int32]bench.Sending {
	all := make(map[int32]bench.Sending)
	for i, e := range truth {
		all[e.appointment] = bench.Sending{Account: e.account, At: int64(10 * (i + 1))}
	}
	return all
}

func spell(since int64, heard ...int32) bench.Spell { return bench.Spell{Since: since, Heard: heard} }

func TestEveryKindOfWrongIsFound(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		account int64
		spells  []bench.Spell
		want    findings
	}{
		"all":                            {1, []bench.Spell{spell(5, 11, 12, 13, 14, 15)}, findings{Expected: 5}},
		"all since a welcome in between": {1, []bench.Spell{spell(25, 13, 14, 15)}, findings{Expected: 3}},
		"also one of before the welcome was read":       {1, []bench.Spell{spell(25, 12, 13, 14, 15)}, findings{Expected: 4}},
		"nothing, and nothing was committed since":      {1, []bench.Spell{spell(99)}, findings{}},
		"the first is lost":                             {1, []bench.Spell{spell(25, 14, 15)}, findings{Expected: 3, Lost: 1}},
		"one in the middle is lost":                     {1, []bench.Spell{spell(5, 11, 12, 14, 15)}, findings{Expected: 5, Lost: 1}},
		"the last is lost":                              {1, []bench.Spell{spell(5, 11, 12, 13, 14)}, findings{Expected: 5, Lost: 1}},
		"everything is lost":                            {1, []bench.Spell{spell(5)}, findings{Expected: 5, Lost: 5}},
		"one of before the welcome has a hole after it": {1, []bench.Spell{spell(55, 12, 14, 15)}, findings{Expected: 4, Lost: 1}},
		"one comes twice":                               {1, []bench.Spell{spell(5, 11, 12, 12, 13, 14, 15)}, findings{Expected: 5, Doubled: 1}},
		"one comes again later":                         {1, []bench.Spell{spell(5, 11, 12, 13, 14, 15, 12)}, findings{Expected: 5, Doubled: 1}},
		"two change places":                             {1, []bench.Spell{spell(5, 11, 13, 12, 14, 15)}, findings{Expected: 5, Disordered: 1}},
		"another account's":                             {1, []bench.Spell{spell(5, 11, 12, 21, 13, 14, 15)}, findings{Expected: 5, Misrouted: 1}},
		"one that is in no log":                         {2, []bench.Spell{spell(5, 21, 99)}, findings{Expected: 1, Misrouted: 1}},
		"an account without events":                     {3, []bench.Spell{spell(5, 21)}, findings{Misrouted: 1}},
		"a resync, and all after it":                    {1, []bench.Spell{spell(5, 11), spell(45, 14, 15)}, findings{Expected: 3, Resyncs: 1}},
		"a resync, and one lost before it":              {1, []bench.Spell{spell(5, 11, 13), spell(55, 15)}, findings{Expected: 4, Lost: 1, Resyncs: 1}},
		"a resync, and one lost after it":               {1, []bench.Spell{spell(5, 11), spell(45, 15)}, findings{Expected: 3, Lost: 1, Resyncs: 1}},
		"a resync, and one of before it again": {
			1, []bench.Spell{spell(5, 11, 12), spell(35, 12, 13, 14, 15)}, findings{Doubled: 1, Expected: 6, Resyncs: 1},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge(truth, sent, []bench.Stream{{Account: c.account, Protocol: bench.Plain, Spells: c.spells}})
			c.want.Finalised = len(sent)
			if (len(got.Examples) > 0) != (c.want.Lost+c.want.Doubled+c.want.Disordered+c.want.Misrouted > 0) {
				t.Errorf("the examples are %q", got.Examples)
			}
			got.Examples = nil
			if got.counts() != c.want.counts() {
				t.Errorf("got %+v, want %+v", *got, c.want)
			}
		})
	}
}

func TestTheLogIsComparedWithWhatWasCommitted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		log  []entry
		want findings
	}{
		"it has everything":                  {truth, findings{}},
		"it lacks one":                       {truth[1:], findings{Unlogged: 1}},
		"it has one twice":                   {append(slices.Clone(truth), entry{1, 11}), findings{Repeated: 1}},
		"it is empty":                        {nil, findings{Unlogged: 6}},
		"it has one twice, once for another": {append(slices.Clone(truth), entry{2, 11}), findings{Repeated: 1}},
		"it has one for another":             {append([]entry{{2, 11}}, truth[1:]...), findings{Misrouted: 1}},
		"it has one that nobody finalised":   {append([]entry{{1, 19}}, truth...), findings{Misrouted: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge(c.log, sent, nil)
			c.want.Finalised = len(sent)
			if got.counts() != c.want.counts() {
				t.Errorf("got %+v, want %+v", *got, c.want)
			}
			if (got.wrong() > 0) != (name != "it has everything") {
				t.Errorf("%d are wrong", got.wrong())
			}
		})
	}
}

// counts are the findings as one comparable value.
func (f *findings) counts() [9]int {
	return [9]int{f.Finalised, f.Unlogged, f.Repeated, f.Expected, f.Lost, f.Doubled, f.Disordered, f.Misrouted, f.Resyncs}
}
