package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
)

// clean are results of a soak of 300 s that nothing went wrong in: two daemons with a socket each, the second away for a while.
func clean() *results {
	up := vitals{Up: true, RSS: 40e6, Heap: 20e6, Goroutines: 126, Files: 118, Sockets: 100}
	idle := vitals{Up: true, RSS: 30e6, Heap: 10e6, Goroutines: 26, Files: 18}
	r := &results{Seconds: 300, Findings: &findings{Finalised: 5, Expected: 9}, Before: []vitals{idle, idle}, After: []vitals{idle, idle}}
	r.Count, r.Options.For = bench.Count{Deliveries: 9}, "5m0s"
	r.Warnings = map[string]map[string]int{"second": {"WARN listener_lost": 3}}
	for at := 0; at <= 320; at += 10 {
		s := sample{At: float64(at), Joined: 200, Daemons: []vitals{up, up}}
		if at >= 60 && at < 90 {
			s.Joined, s.Daemons[1] = 100, vitals{}
		}
		if at > 300 {
			s.Joined, s.Daemons = 0, []vitals{idle, idle}
		}
		r.Samples = append(r.Samples, s)
	}
	r.Marks = []mark{{At: 60, Took: 30, Fault: 0}, {At: 120, Fault: 1}}
	return r
}

func TestWhatIsWrongIsAnError(t *testing.T) {
	t.Parallel()
	if err := clean().verdict(); err != nil {
		t.Fatalf("nothing is wrong: %v", err)
	}
	for name, spoil := range map[string]func(r *results){
		"an appointment without an event": func(r *results) { r.Findings.Unlogged = 1 },
		"an appointment with two":         func(r *results) { r.Findings.Repeated = 1 },
		"an event that is lost":           func(r *results) { r.Findings.Lost = 1 },
		"an event that comes twice":       func(r *results) { r.Findings.Doubled = 1 },
		"an event out of order":           func(r *results) { r.Findings.Disordered = 1 },
		"an event of another account":     func(r *results) { r.Findings.Misrouted = 1 },
		"a resync":                        func(r *results) { r.Findings.Resyncs = 1 },
		"a doctor who stays busy":         func(r *results) { r.Findings.Unreleased = 1 },
		"sockets that never come back":    func(r *results) { r.Unsettled = "3 of 4 are there" },
		"goroutines that stay":            func(r *results) { r.After[0].Goroutines += slack + 1 },
		"descriptors that stay":           func(r *results) { r.After[1].Files += slack + 1 },
		"a daemon that is gone":           func(r *results) { r.After[1].Up = false },
		"sockets that stay":               func(r *results) { r.After[1].Sockets = 1 },
	} {
		r := clean()
		spoil(r)
		if err := r.verdict(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestResultsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "soak.json")
	if err := rig.WriteResults(path, clean()); err != nil {
		t.Fatal(err)
	}
	r, err := readResults(path)
	if err != nil {
		t.Fatal(err)
	}
	var want, got bytes.Buffer
	clean().print(&want)
	r.print(&got)
	if got.String() != want.String() {
		t.Errorf("got\n%s\nwant\n%s", &got, &want)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readResults(path); err == nil {
		t.Error("a file of something else is taken")
	}
}

func TestDurationsAreShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		30 * time.Minute: "30m", time.Hour: "1h", 90 * time.Second: "1m30s", 10 * time.Second: "10s", 100 * time.Minute: "1h40m",
		time.Hour + time.Second: "1h0m1s",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestTheTableSaysWhatCounts(t *testing.T) {
	t.Parallel()
	r := clean()
	r.Findings.Examples = []string{"ws of account 1 never heard of appointment 7"}
	var out bytes.Buffer
	r.print(&out)
	for _, want := range []string{"9 of 9", "0, 0, 0, 0", "40, 40, 40 MB", "26 before, 26 after", "3 × WARN listener_lost", "appointment 7"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}

func TestWhatGrowsInTheLastThirdIsNotFlat(t *testing.T) {
	t.Parallel()
	goroutines := quantities[2]
	for name, c := range map[string]struct {
		change func(at float64) (goroutines int)
		flat   bool
	}{
		"nothing":                 {func(float64) int { return 0 }, true},
		"a ramp in the beginning": {func(at float64) int { return int(10 * min(at, 100)) }, true},
		"a peak":                  {func(at float64) int { return map[bool]int{true: 5000}[at == 250] }, true},
		"one a second":            {func(at float64) int { return int(at) }, false},
		"a step near the end":     {func(at float64) int { return map[bool]int{true: 100}[at > 200] }, false},
	} {
		r := clean()
		for _, s := range r.Samples {
			s.Daemons[0].Goroutines += c.change(s.At)
		}
		if got := trendOf(goroutines, r.Samples, 0, r.Seconds); got.flat() != c.flat {
			t.Errorf("%s: %s", name, got)
		}
	}
	if trendOf(goroutines, nil, 0, 300).flat() {
		t.Error("what was not measured is flat")
	}
	grown, same := trend{thirds: [3]float64{1, 100, 200}}, trend{thirds: [3]float64{1, 100, 100}}
	if got := grown.verdict(enough) + ", " + same.verdict(enough) + ", " + grown.verdict(60); got != "NOT FLAT, flat, too short to say" {
		t.Errorf("got %s", got)
	}
}

func TestThePictureHasALineForEachDaemonAndAMarkForEachFault(t *testing.T) {
	t.Parallel()
	r := clean()
	path := filepath.Join(t.TempDir(), "soak.svg")
	if err := r.draw(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for err == nil {
		_, err = decoder.Token()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("it is no XML: %v", err)
	}
	if got := strings.Count(string(text), `<path class="mark" d="M`) - 1; got != len(r.Marks) { // one is the legend's
		t.Errorf("%d marks, want %d", got, len(r.Marks))
	}
	panel := r.panels()[1] // goroutines
	if first := panel.Lines[1]; strings.Count(first.Path, "M") != 1 || strings.Count(first.Path, "L") != len(r.Samples)-1 {
		t.Errorf("the first daemon's line is %s", first.Path)
	}
	if second := panel.Lines[0]; strings.Count(second.Path, "M") != 2 { // with a gap while it was away
		t.Errorf("the second daemon's line is %s", second.Path)
	}
}

func TestTheSmallestAndTheLargestValueFitIntoAPanel(t *testing.T) {
	t.Parallel()
	for _, top := range []float64{0, 0.3, 1, 7, 99, 101, 5000, 1e6} {
		r := &results{Seconds: 60, Samples: []sample{{At: 0, Deliveries: int64(top)}, {At: 60}}}
		p := r.panel("", []series{{"", func(s sample) float64 { return float64(s.Deliveries) }}})
		if p.Grid[0].Y != float64(p.Foot) || p.Grid[len(p.Grid)-1].Y != float64(p.Foot-plotHeight) || len(p.Grid) > 7 {
			t.Errorf("up to %g: the grid is %v", top, p.Grid)
		}
	}
}

func TestAPlotRisesWithItsValues(t *testing.T) {
	t.Parallel()
	lines := rows([]float64{0, 4, 8})
	for row, want := range map[int]string{0: "│  █", plotRows/2 - 1: "│  █", plotRows / 2: "│ ██", plotRows - 1: "│ ██"} {
		if len(lines) != plotRows || !strings.HasSuffix(lines[row], want) {
			t.Fatalf("row %d is to end with %s:\n%s", row, want, strings.Join(lines, "\n"))
		}
	}
	var out bytes.Buffer
	clean().plot(&out)
	if strings.Count(out.String(), "^") != 6 {
		t.Errorf("want two faults under each of three plots:\n%s", &out)
	}
}
