package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
)

// grid is a table in Markdown.
type grid struct{ text strings.Builder }

func newGrid(head ...string) *grid {
	g := &grid{}
	g.row(head...)
	fmt.Fprintln(&g.text, "|"+strings.Join(slices.Repeat([]string{"---"}, len(head)), "|")+"|")
	return g
}

func (g *grid) row(cells ...string) { fmt.Fprintln(&g.text, "| "+strings.Join(cells, " | ")+" |") }

func (g *grid) String() string { return g.text.String() }

// numbers are cells.
func numbers(values ...float64) (cells []string) {
	for _, v := range values {
		cells = append(cells, rig.Number(v))
	}
	return cells
}

func (r results) socketsTable(m model) *grid {
	head, lines := []string{"sockets that an event reaches"}, []string{"the line through them"}
	var columns [][]measurement
	for _, costs := range []eventCosts{m.calm, m.thick} {
		for _, name := range []string{bench.Plain, bench.SocketIO} {
			title, l := "plain", costs.plain
			if name == bench.SocketIO {
				title, l = "Socket.IO", costs.socketIO
			}
			head = append(head, fmt.Sprintf("%s, %.0f/s", title, costs.rate))
			lines = append(lines, rig.Number(l.fixed)+", and "+small(l.slope)+" each")
			columns = append(columns, r.of(bySockets, by(name), at(costs.rate)))
		}
	}
	g := newGrid(head...)
	for i, first := range columns[0] {
		values := []float64{reached(first)}
		for _, column := range columns {
			values = append(values, daemonsPerEvent(column[min(i, len(column)-1)])) // all have as many
		}
		g.row(numbers(values...)...)
	}
	g.row(lines...)
	return g
}

func (r results) accountsTable(m model) *grid {
	g := newGrid("accounts", "sockets of each", "a daemon", "by the line above", "PostgreSQL")
	for _, run := range r.of(byAccounts) {
		cells := numbers(reached(run), daemonsPerEvent(run), m.calm.plain.at(reached(run)), postgresPerEvent(run))
		g.row(append([]string{grouped(run.Report.Accounts)}, cells...)...)
	}
	return g
}

// daemonsTable has two columns for each kind of runs: the daemons', and PostgreSQL's.
func (r results) daemonsTable() *grid {
	type kind struct {
		title, series string
		rate          float64
	}
	var kinds []kind
	head := []string{"daemons", "idle", "PostgreSQL"}
	for _, rate := range []float64{calm, thick} {
		kinds = append(kinds, kind{"all", shared, rate}, kind{"first", bystanding, rate})
	}
	for _, k := range kinds {
		head = append(head, fmt.Sprintf("%s, %.0f/s", k.title, k.rate), "PostgreSQL")
	}
	g := newGrid(head...)
	for _, idle := range r.of(idling) {
		values := []float64{idleOfDaemons(idle), idleOfPostgres(idle)}
		for _, k := range kinds {
			ours, theirs := math.NaN(), math.NaN() // one daemon alone is in the columns of all
			for _, run := range r.of(k.series, at(k.rate)) {
				if run.Daemons == idle.Daemons {
					ours, theirs = daemonsPerEvent(run), postgresPerEvent(run)
				}
			}
			values = append(values, ours, theirs)
		}
		g.row(append([]string{fmt.Sprint(idle.Daemons)}, numbers(values...)...)...)
	}
	return g
}

func (r results) memoryTable(m model) *grid {
	g := newGrid("sockets", "plain", "Socket.IO")
	plain, socketIO := r.of(inMemory, by(bench.Plain)), r.of(inMemory, by(bench.SocketIO))
	for i := range min(len(plain), len(socketIO)) {
		g.row(grouped(plain[i].Report.Conns), rig.Number(memory(plain[i])/1e6), rig.Number(memory(socketIO[i])/1e6))
	}
	inWords := func(l line) string {
		return rig.Number(l.fixed/1e6) + ", and " + rig.Number(l.slope/1e3) + " kB a socket"
	}
	g.row("the line through them", inWords(m.plain.memory), inWords(m.socketIO.memory))
	g.row("the processor for one that comes back, ms", rig.Number(m.plain.returned/1e3), rig.Number(m.socketIO.returned/1e3))
	g.row("at most, when all came back at once", rig.Number(m.plain.crest)+" times as much", rig.Number(m.socketIO.crest)+" times as much")
	return g
}

func (r results) ladderTable() *grid {
	g := newGrid("asked for", "committed", "in staging, at most", "at the end", "p50, ms", "p99, ms", "daemon", "PostgreSQL", "load")
	for _, rung := range r.Ladder {
		counts := []string{grouped(int(rung.Asked)), grouped(int(rung.Committed)), grouped(rung.Most), grouped(rung.Staging)}
		g.row(append(counts, numbers(rung.Latency.P50, rung.Latency.P99, rung.Daemon, rung.Postgres, rung.Generator)...)...)
	}
	return g
}

// knee says where the ladder ended, and why.
func (r results) knee() string {
	held := "0"
	for _, rung := range r.Ladder {
		asked := grouped(int(rung.Asked))
		switch {
		case rung.held():
			held = asked
		case rung.inTime():
			return fmt.Sprintf("The knee is between %s and %s a second: there staging grows.", held, asked)
		default:
			return fmt.Sprintf("The knee is between %s and %s a second: there the writers themselves get no further than %s, and staging holds %s at the end.",
				held, asked, grouped(int(rung.Committed)), grouped(rung.Staging))
		}
	}
	return fmt.Sprintf("Up to %s a second nothing waits.", held)
}

func (m model) costsTable() *grid {
	g := newGrid("ms an event", "a", "a₁", "a₂", "b, plain", "b, Socket.IO", "p", "p₁", "p₂")
	for _, c := range []eventCosts{m.calm, m.thick} {
		cells := append([]string{fmt.Sprintf("at %.0f a second", c.rate)}, numbers(c.daemon.first, c.daemon.sharing, c.daemon.beside)...)
		cells = append(cells, small(c.plain.slope), small(c.socketIO.slope))
		g.row(append(cells, numbers(c.postgres.first, c.postgres.sharing, c.postgres.beside)...)...)
	}
	return g
}

func (m model) needsTable(a assumptions) *grid {
	g := newGrid("screens", "accounts", "events/s", "daemons", "their cores", "their memory", "PostgreSQL's cores", "files", "proxy addresses", "Mbit/s")
	for _, screens := range []int{1000, 10_000, 100_000, 1_000_000} {
		n := m.need(screens, a)
		g.row(grouped(n.screens), grouped(n.accounts), rig.Number(n.events), fmt.Sprint(n.daemons), inCores(n.daemon), inBytes(n.memory), inCores(n.postgres),
			grouped(n.files), fmt.Sprint(n.sources), rig.Number(n.traffic/1e6))
	}
	return g
}

// small has digits enough for a thousandth.
func small(v float64) string { return strings.TrimRight(fmt.Sprintf("%.4f", v), "0") }

func inCores(v float64) string {
	if v < 0.01 {
		return "< 0.01"
	}
	return rig.Number(v)
}

func inBytes(v float64) string {
	if v >= 1e9 {
		return rig.Number(v/1e9) + " GB"
	}
	return rig.Number(v/1e6) + " MB"
}

// grouped has a comma after each thousand.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
