package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
)

// measurement is W1 and W4 of all contenders in three rounds, of which the second is the median.
func measurement() results {
	r := results{
		At: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Rounds: 3,
		Machine: rig.Machine{CPU: "A & B <1>", Cores: 2, System: "Linux 6", Go: "1.26", Postgres: "15.18", Node: "20"},
	}
	for _, c := range contenders() {
		cpu := map[string]float64{ourPlain: 0.6, ourSocketIO: 0.8, nestGateway: 1.2, bareFloor: 0.5}[c.name]
		for round, factor := range []float64{0.5, 1, 10} {
			r.Runs = append(r.Runs,
				run{Contender: c.name, Round: round + 1, Report: bench.Report{
					Workload: "W1", Deliveries: 100, Latency: bench.Latency{P50: 2 * cpu * factor}, Server: &bench.Usage{CPUPerEvent: cpu * factor},
				}},
				run{Contender: c.name, Round: round + 1, Report: bench.Report{Workload: "W4", Server: &bench.Usage{RSSPerConn: 16e3 * cpu * factor}}},
			)
		}
	}
	return r
}

func TestTheTableSaysWhatWasMetAndMissed(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := measurement()
	r.Runs[0].Report.Lost = 3
	r.printTable(&out)
	for _, want := range []string{
		"2026-11-23, A & B <1>, 2 cores, Linux 6, Go 1.26, PostgreSQL 15.18, Node.js 20. Medians of 3.",
		"|  |  | notifier, plain | notifier, Socket.IO | NestJS gateway | floor | ours ÷ floor | target | NestJS ÷ ours | promised |",
		"| W1 | CPU of an event, ms | 0.6 | 0.8 | 1.2 | 0.5 | 1.2, 1.6 | ≤ 1.4: met, missed | 2, 1.5 | ≥ 2: met, missed |",
		"| W1 | COMMIT to screen, p50, ms | 1.2 | 1.6 | 2.4 | 1 | 1.2, 1.6 | ≤ 2: met, met | 2, 1.5 |  |",
		"| W4 | memory of a socket, kB | 9.6 | 12.8 | 19.2 | 8 | 1.2, 1.6 | ≤ 9, 10 kB: missed, missed | 2, 1.5 |  |",
		"notifier, plain: 3 lost, 0 doubled, 0 misrouted of 300",
		"floor: 0 lost, 0 doubled, 0 misrouted of 300",
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("there is no line %s", want)
		}
	}
	if strings.Contains(out.String(), "W2") {
		t.Error("a workload that was not measured is in the table")
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestWhatWasNotMeasuredIsNeitherMetNorMissed(t *testing.T) {
	t.Parallel()
	r := measurement()
	r.Runs = r.Runs[:6] // ours, plain
	var out strings.Builder
	r.printTable(&out)
	if want := "| W1 | CPU of an event, ms | 0.6 | –, – | ≤ 1.4: –, – | –, – | ≥ 2: –, – |\n"; !strings.Contains(out.String(), want) {
		t.Errorf("got\n%s, want the line %s", out.String(), want)
	}
}

func TestLossesOfOursAndRunsThatFailedAreFaults(t *testing.T) {
	t.Parallel()
	r := measurement()
	for i := range r.Runs {
		if r.Runs[i].Contender == nestGateway {
			r.Runs[i].Report.Lost = 1
		}
	}
	if err := r.faults(); err != nil {
		t.Errorf("the gateway's losses are a fault: %v", err)
	}
	r.Runs[0].Report.Doubled = 2
	r.Runs[1].Fault = "it ended at once"
	want := "W4 of notifier-ws, round 1: it ended at once\nnotifier-ws: 0 lost, 2 doubled, 0 misrouted"
	if err := r.faults(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := r.value(ourPlain, figures()[6]); got != (9.6+96)/2 {
		t.Errorf("the median without the run that failed is %v", got)
	}
}

func TestResultsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.json")
	want := measurement()
	if err := rig.WriteResults(path, want); err != nil {
		t.Fatal(err)
	}
	var got results
	err := rig.ReadResults(path, &got)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, got %+v, want %+v", err, got, want)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rig.ReadResults(path, &got); err == nil {
		t.Error("half a file is read")
	}
}

func TestThePictureHasABarForEachFigure(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bench.svg")
	if err := measurement().draw(path); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	bars, text := map[string]int{}, ""
	for decoder := xml.NewDecoder(file); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "rect" {
				bars[token.Attr[0].Value]++
			}
		case xml.CharData:
			text += string(token)
		}
	}
	if want := map[string]int{"page": 1, ourPlain: 3, ourSocketIO: 3, nestGateway: 3}; !reflect.DeepEqual(bars, want) {
		t.Errorf("bars %v, want %v", bars, want)
	}
	for _, want := range []string{"0.6 ms · 1.2×", "floor 0.5 ms", "2026-11-23, A & B <1>, 2 cores"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture does not say %s", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "–") {
		t.Error("a number is missing")
	}
}
