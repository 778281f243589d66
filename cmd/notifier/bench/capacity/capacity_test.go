package main

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"notifier/cmd/notifier/bench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// invented are results in which an event costs a daemon 0.5 ms and 2 µs a delivery, a further daemon 0.3 ms, or 0.1 without sockets; PostgreSQL 1 ms, 0.2 and
// 0.05; all of it half as much at the higher rate. Idle daemons cost 6 ms a second, and PostgreSQL 4; a socket 8,000 bytes, of Socket.IO 9,000, beside 30 MB.
func invented() results {
	var r results
	add := func(series, protocol string, daemons, conns int, rate, ours, theirs float64, rss int64) {
		r.Runs = append(r.Runs, measurement{series, daemons, rate, bench.Report{
			Protocol: protocol, Conns: conns, Accounts: 10, FrameBytes: 500, MeasuredSeconds: 2,
			Server:   &bench.Usage{CPUPerEvent: ours, CPUSeconds: 0.012 * float64(daemons), RSS: rss, PeakRSS: 60e6, CPUPerConn: 70},
			Postgres: &bench.Usage{CPUPerEvent: theirs, CPUSeconds: 0.001 + 0.008*float64(daemons)},
		}})
	}
	for i, protocol := range []string{bench.Plain, bench.SocketIO} {
		for _, n := range []int{10, 1000} {
			add(bySockets, protocol, 1, n, calm, 0.5+0.0002*float64(n), 1, 0)
			add(bySockets, protocol, 1, n, thick, 0.25+0.0001*float64(n), 1, 0)
			add(inMemory, protocol, 1, n, 0, 0, 0, 30e6+int64(8000+1000*i)*int64(n))
		}
		add(returning, protocol, 1, 1000, 0, 0, 0, 0)
	}
	add(byAccounts, bench.Plain, 1, 10, calm, 0.502, 1, 0)
	for _, daemons := range []int{1, 2, 4} {
		more := float64(daemons - 1)
		add(idling, bench.Plain, daemons, 100, 0, 0, 0, 0)
		for rate, factor := range map[float64]float64{calm: 1, thick: 0.5} {
			add(shared, bench.Plain, daemons, 100, rate, factor*(0.52+0.3*more), factor*(1+0.2*more), 0)
			if daemons > 1 {
				add(bystanding, bench.Plain, daemons, 100, rate, factor*(0.52+0.1*more), factor*(1+0.05*more), 0)
			}
		}
	}
	r.Ladder = []rung{{Asked: 500, Committed: 499, Staging: 20}, {Asked: 1000, Committed: 990, Staging: 5000}}
	return r
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-6*math.Abs(want)+1e-9 }

func TestTheModelFindsWhatThingsCost(t *testing.T) {
	t.Parallel()
	m, err := invented().model()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]struct{ got, want float64 }{
		"an event":                              {m.calm.daemon.first, 0.5},
		"an event of many":                      {m.thick.daemon.first, 0.25},
		"a daemon that shares":                  {m.calm.daemon.sharing, 0.3},
		"one that shares, of many":              {m.thick.daemon.sharing, 0.15},
		"a daemon beside":                       {m.calm.daemon.beside, 0.1},
		"PostgreSQL":                            {m.calm.postgres.first, 1},
		"PostgreSQL, for one that shares":       {m.calm.postgres.sharing, 0.2},
		"PostgreSQL, for one beside":            {m.thick.postgres.beside, 0.025},
		"a delivery":                            {m.calm.socketIO.slope, 0.002},
		"a delivery of many":                    {m.thick.plain.slope, 0.001},
		"an idle daemon":                        {m.idleDaemon, 6},
		"PostgreSQL, for an idle daemon":        {m.idlePostgres, 4},
		"a socket":                              {m.plain.memory.slope, 8000},
		"a daemon's memory":                     {m.socketIO.memory.fixed, 30e6},
		"a socket that comes back":              {m.socketIO.returned, 70},
		"memory when all come back":             {m.plain.crest, 60.0 / 38},
		"daemons for which an event is doubled": {m.calm.postgres.doubling(), 20},
	} {
		if !near(value.got, value.want) {
			t.Errorf("%s: got %v, want %v", name, value.got, value.want)
		}
	}
}

func TestAMeasurementThatIsNotWholeMakesNoModel(t *testing.T) {
	t.Parallel()
	for _, series := range []string{bySockets, inMemory, shared, bystanding, idling} {
		r, whole := invented(), invented().Runs
		r.Runs = nil
		for _, run := range whole {
			if run.Series != series {
				r.Runs = append(r.Runs, run)
			}
		}
		if _, err := r.model(); err == nil {
			t.Errorf("without %s there is a model", series)
		}
	}
}

func TestScreensNeedWhatTheFormulaSays(t *testing.T) {
	t.Parallel()
	m, err := invented().model()
	if err != nil {
		t.Fatal(err)
	}
	a := assumptions{Screens: 2, Events: 36, Peak: 2, Daemon: 1000, Spare: 1, Ports: 300}
	n := m.need(1800, a) // 900 accounts, 18 events a second, 3 daemons
	sharing := 3 * (1 - 4.0/9)
	for name, value := range map[string]struct{ got, want float64 }{
		"accounts":   {float64(n.accounts), 900},
		"events":     {n.events, 18},
		"daemons":    {float64(n.daemons), 3},
		"sharing":    {n.sharing, sharing},
		"cores":      {n.daemon, (18*(0.5+0.3*(sharing-1)+0.1*(3-sharing)+0.002*2) + 3*6) / 1000},
		"PostgreSQL": {n.postgres, (18*(1+0.2*(sharing-1)+0.05*(3-sharing)) + 3*4) / 1000},
		"memory":     {n.memory, 3*30e6 + 1800*9000},
		"files":      {float64(n.files), 900 + filesBeside},
		"addresses":  {float64(n.sources), 3},
		"traffic":    {n.traffic, 18 * 2 * 500 * 8},
	} {
		if !near(value.got, value.want) {
			t.Errorf("%s: got %v, want %v", name, value.got, value.want)
		}
	}
	if many := m.need(180_000, a); many.postgres > 1800*(0.5+0.1*(2-1)+0.025*181)/1000+181*4/1e3 {
		t.Errorf("%v cores of PostgreSQL: an event of many costs half as much", many.postgres)
	}
}

func TestALineGoesThroughPoints(t *testing.T) {
	t.Parallel()
	l, err := fit([]point{{1, 5}, {2, 7}, {4, 11}})
	if err != nil || !near(l.fixed, 3) || !near(l.slope, 2) || !near(l.at(10), 23) {
		t.Errorf("got %+v, %v", l, err)
	}
	if l, err := fit([]point{{0, 0}, {1, 2}, {2, 1}, {3, 3}}); err != nil || !near(l.fixed, 0.3) || !near(l.slope, 0.8) {
		t.Errorf("got %+v, %v", l, err)
	}
	for _, points := range [][]point{nil, {{1, 1}}, {{1, 1}, {1, 2}}, {{1, 1}, {2, math.NaN()}}} {
		if l, err := fit(points); !errors.Is(err, errNoLine) {
			t.Errorf("%v: got %+v, %v", points, l, err)
		}
	}
}

func TestTheKneeIsWhereEventsWait(t *testing.T) {
	t.Parallel()
	for want, ladder := range map[string][]rung{
		"between 500 and 1,000 a second: there staging grows": {{Asked: 500, Committed: 499, Staging: 20}, {Asked: 1000, Committed: 990, Staging: 5000}},
		"the writers themselves get no further than 700":      {{Asked: 500, Committed: 499}, {Asked: 1000, Committed: 700, Staging: 90}},
		"Up to 2,000 a second nothing waits":                  {{Asked: 1000, Committed: 999}, {Asked: 2000, Committed: 1990, Staging: 999}},
	} {
		if got := (results{Ladder: ladder}).knee(); !strings.Contains(got, want) {
			t.Errorf("got %q, want it to say %q", got, want)
		}
	}
}

func TestAPageIsRenewedBetweenItsMarks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("before\n"+firstMark+"old\n"+lastMark+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing changes
		if err := renewPage(path, "new\n"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if want := "before\n" + firstMark + "\nnew\n\n" + lastMark + "after\n"; err != nil || string(got) != want {
			t.Errorf("%v, got %q, want %q", err, got, want)
		}
	}
	for _, page := range []string{
		"", firstMark, lastMark, lastMark + firstMark, firstMark + firstMark + lastMark, firstMark + lastMark + firstMark + lastMark,
	} {
		if got, err := renewed(page, "new"); !errors.Is(err, errMarks) {
			t.Errorf("%q: got %q, %v", page, got, err)
		}
	}
}

func TestTheTablesHoldEveryFigure(t *testing.T) {
	t.Parallel()
	r := invented()
	m, err := r.model()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := r.print(&out, m); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| the line through them | 0.5, and 0.002 each | 0.5, and 0.002 each | 0.25, and 0.001 each | 0.25, and 0.001 each |",
		"| 1,000 | 38 | 39 |",
		"| 4 | 24 | 16.5 | 1.42 | 1.6 | 0.82 | 1.15 | 0.71 | 0.8 | 0.41 |",
		"| at 50 a second | 0.5 | 0.3 | 0.1 | 0.002 | 0.002 | 1 | 0.2 | 0.05 |",
		"| 1,000,000 | 100,000 | 1000 | 26 |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if strings.Contains(line, "%!") || strings.Contains(line, "<no value>") {
			t.Errorf("a figure is missing: %s", line)
		}
	}
	if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
		t.Error("something is no number")
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestLossesAreFaults(t *testing.T) {
	t.Parallel()
	r := invented()
	if err := r.faults(); err != nil {
		t.Error(err)
	}
	r.Runs[0].Report.Lost = 1
	if r.faults() == nil {
		t.Error("what was lost in a run is no fault")
	}
	r = invented()
	r.Ladder[0].Lost = 1
	if r.faults() == nil {
		t.Error("what was lost on the ladder is no fault")
	}
}

func TestFlagsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"now", "-from nowhere.json", "-sources many"} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%s is taken", args)
		}
	}
}

func TestAMeasurementThatIsInterruptedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)); err != nil { // PostgreSQL's user must get in
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	progress := writerFunc(func([]byte) { cancel() }) // at the end of the first run
	err := run(ctx, []string{"-quick"}, io.Discard, progress)
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("got %v, want it to say that it was interrupted", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }
