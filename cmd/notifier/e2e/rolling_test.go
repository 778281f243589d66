package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A rolling restart as the documentation has it: start the new one, stop the old one.
func TestARollingRestartOfThreeDaemonsLosesNothingAndMovesNobodyInAHurry(t *testing.T) {
	t.Parallel()
	const clients, accounts = 2000, 40
	needFiles(t, 4*clients)
	db := clinics(t, accounts)
	start := func() *process { return serveReady(t, db, "--drain", "4s", "--log-level", "info") }
	daemons := []*process{start(), start(), start()}
	front := newFront(t)
	for _, p := range daemons {
		front.add(p)
	}
	crowd := gather(t, front.addr(), clients, accounts)
	clinic := work(t, db, accounts, 40*time.Millisecond)
	began := time.Now()
	for i, p := range daemons {
		front.add(start())
		if err := p.stop(); err != nil {
			t.Errorf("daemon %d ended with %v; its log: %s", i, err, p.logs.text())
		}
		crowd.await("to come back", (*light).connected)
	}
	events := clinic.closeAndCount(db)
	deliveries := crowd.wantEverything(db)
	closes, joins := crowd.curve(began)
	t.Logf("%d events, %d deliveries, %d cuts\n%s", events, deliveries, len(closes), table(began, closes, joins))
	if most := mostInASecond(joins); most > clients/4 {
		t.Errorf("within one second %d of %d clients came back, want a quarter at most", most, clients)
	}
	if len(closes) < clients/2 {
		t.Errorf("%d connections were closed, and three daemons had %d", len(closes), clients)
	}
}

// BenchmarkDrainCurve is how the sockets of one daemon are closed with the default --drain.
//
//	go test ./cmd/notifier/e2e -run xxx -bench DrainCurve -benchtime 1x
func BenchmarkDrainCurve(b *testing.B) {
	const clients, accounts = 2000, 40
	needFiles(b, 2*clients)
	for b.Loop() {
		db := clinics(b, accounts)
		p := serveReady(b, db, "--drain", "20s", "--log-level", "info")
		crowd := gather(b, p.addr, clients, accounts)
		clinic := work(b, db, accounts, 40*time.Millisecond)
		began := time.Now()
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			b.Fatal(err)
		}
		select {
		case <-p.ended:
		case <-time.After(30 * time.Second):
			b.Fatal("the daemon does not end")
		}
		took := time.Since(began)
		crowd.disperse() // there is nobody to come back to
		clinic.close()
		closes, kept := crowd.firstCuts()
		fmt.Printf("SIGTERM with %d clients: ended after %.1f s, %s; close codes %v; %d never closed\n%s", // Logf cuts it short
			clients, took.Seconds(), status(p.err), crowd.codes(), kept, table(began, closes, nil))
		b.ReportMetric(float64(mostInASecond(closes)), "closes/s-at-most")
		b.ReportMetric(took.Seconds(), "s-to-exit")
	}
}

func status(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// needFiles fails where the machine does not let the test have so many connections.
func needFiles(t testing.TB, files uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if files += 500; limit.Max < files { // Go has raised Cur to Max
		t.Fatalf("this test needs %d open files, and the machine allows %d: raise the limit (ulimit -Hn)", files, limit.Max)
	}
}

// curve is when connections were closed, and when clients came back, from an instant on.
func (c *crowd) curve(from time.Time) (closes, joins []time.Time) {
	for _, l := range c.clients {
		l.mu.Lock()
		for _, end := range l.ends {
			closes = append(closes, end.at)
		}
		joins = append(joins, l.joins[1:]...)
		l.mu.Unlock()
	}
	before := func(at time.Time) bool { return at.Before(from) }
	closes, joins = slices.DeleteFunc(closes, before), slices.DeleteFunc(joins, before)
	slices.SortFunc(closes, time.Time.Compare)
	slices.SortFunc(joins, time.Time.Compare)
	return closes, joins
}

// firstCuts is when each client lost its first connection.
func (c *crowd) firstCuts() (closes []time.Time, kept int) {
	for _, l := range c.clients {
		l.mu.Lock()
		if len(l.ends) == 0 {
			kept++
		} else {
			closes = append(closes, l.ends[0].at)
		}
		l.mu.Unlock()
	}
	slices.SortFunc(closes, time.Time.Compare)
	return closes, kept
}

// codes counts the close codes of the first connections by protocol.
func (c *crowd) codes() map[string]int {
	codes := map[string]int{}
	for _, l := range c.clients {
		code := websocket.StatusCode(0)
		if len(l.ends) > 0 {
			code = l.ends[0].code
		}
		codes[fmt.Sprintf("%s %d", l.protocol(), code)]++
	}
	return codes
}

// mostInASecond is the most instants within any one second.
func mostInASecond(instants []time.Time) (most int) {
	first := 0
	for i, at := range instants {
		for at.Sub(instants[first]) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// table shows two curves second by second.
func table(from time.Time, closes, joins []time.Time) string {
	rows := map[int][2]int{}
	last := 0
	for kind, instants := range [][]time.Time{closes, joins} {
		for _, at := range instants {
			second := int(at.Sub(from).Seconds())
			row := rows[second]
			row[kind]++
			rows[second], last = row, max(last, second)
		}
	}
	var text strings.Builder
	fmt.Fprintln(&text, "| second | closed | came back |\n|---|---|---|")
	for second := range last + 1 {
		fmt.Fprintf(&text, "| %d to %d | %d | %d |\n", second, second+1, rows[second][0], rows[second][1])
	}
	return text.String()
}
