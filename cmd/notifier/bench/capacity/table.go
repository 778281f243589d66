package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
)

// print writes the section of a page: what was measured, the formula, and what it comes to.
func (r results) print(out io.Writer, m model) {
	command := "make capacity"
	if r.Quick {
		command += " ARGS=-quick"
	}
	fmt.Fprintf(out, "%s, %s: `%s`.", r.At.Format(time.DateOnly), r.Machine, command)
	if r.Quick {
		fmt.Fprint(out, " **These runs were too short to mean anything.**")
	}
	fmt.Fprint(out, ` Daemons, PostgreSQL (which waits for no disk), the clinic's writers and the sockets share these cores:
take times of a processor (user and system) and memory from here; how many events a second are possible is this machine's.

### What was measured

`)
	r.printSockets(out, m)
	r.printAccounts(out, m)
	r.printDaemons(out)
	r.printMemory(out, m)
	r.printLadder(out)
	fmt.Fprint(out, "### What is computed from it\n\n")
	m.printFormula(out)
	m.printNeeds(out, assumed)
}

// printSockets is about protocols: each event is alone.
func (r results) printSockets(out io.Writer, m model) {
	fmt.Fprintf(out, "**Sockets.** A daemon's milliseconds an event, at %d a second:\n\n", calm)
	t := newGrid("sockets that an event reaches", "plain", "Socket.IO")
	plain, socketIO := r.of(bySockets, by(bench.Plain)), r.of(bySockets, by(bench.SocketIO))
	for i := range min(len(plain), len(socketIO)) {
		t.row(rig.Number(reached(plain[i])), rig.Number(daemonsPerEvent(plain[i])), rig.Number(daemonsPerEvent(socketIO[i])))
	}
	t.row("the line through them", inWords(m.plain.event), inWords(m.socketIO.event))
	t.row("a socket that comes back, once", rig.Number(m.plain.returned/1e3), rig.Number(m.socketIO.returned/1e3))
	t.write(out)
}

func inWords(l line) string {
	return fmt.Sprintf("%s and %s a socket", rig.Number(l.fixed), small(l.slope))
}

// small has digits enough for a thousandth.
func small(v float64) string { return strings.TrimRight(fmt.Sprintf("%.4f", v), "0") }

func (r results) printAccounts(out io.Writer, m model) {
	runs := r.of(byAccounts, every)
	if len(runs) == 0 {
		return
	}
	fmt.Fprintf(out, "**Accounts.** The same %d sockets, spread over more and more accounts; milliseconds an event, at %d a second:\n\n", runs[0].Report.Conns, calm)
	t := newGrid("accounts", "sockets of each", "a daemon", "by the line above", "PostgreSQL")
	for _, run := range runs {
		t.row(fmt.Sprint(run.Report.Accounts), rig.Number(reached(run)), rig.Number(daemonsPerEvent(run)), rig.Number(m.plain.event.at(reached(run))),
			rig.Number(postgresPerEvent(run)))
	}
	t.write(out)
}

// printDaemons is about several on one database. PostgreSQL's time holds that of the clinic's UPDATE.
func (r results) printDaemons(out io.Writer) {
	fmt.Fprintf(out, `**Daemons on one database.** Milliseconds of all daemons together, and of PostgreSQL (the clinic's own UPDATE among them): idle, a second; else an event, at %d
and %d a second, with sockets of each account on all daemons, and with sockets on the first alone:

`, calm, thick)
	t := newGrid("", "idle: daemons", "PostgreSQL", fmt.Sprintf("on all, %d/s: daemons", calm), "PostgreSQL", fmt.Sprintf("%d/s: daemons", thick), "PostgreSQL",
		fmt.Sprintf("on the first, %d/s: daemons", calm), "PostgreSQL", fmt.Sprintf("%d/s: daemons", thick), "PostgreSQL")
	for _, idle := range r.of(idling, every) {
		cells := []string{fmt.Sprint(idle.Daemons), rig.Number(idleOfDaemons(idle)), rig.Number(idleOfPostgres(idle))}
		for _, series := range []string{shared, bystanding} {
			for _, rate := range []float64{calm, thick} {
				ours, theirs := math.NaN(), math.NaN()
				for _, run := range r.of(series, at(rate)) {
					if run.Daemons == idle.Daemons {
						ours, theirs = daemonsPerEvent(run), postgresPerEvent(run)
					}
				}
				cells = append(cells, rig.Number(ours), rig.Number(theirs))
			}
		}
		t.row(cells...)
	}
	t.write(out)
}

func (r results) printMemory(out io.Writer, m model) {
	fmt.Fprint(out, "**Memory.** MB resident of a daemon with idle sockets, without TLS:\n\n")
	t := newGrid("sockets", "plain", "Socket.IO")
	plain, socketIO := r.of(inMemory, by(bench.Plain)), r.of(inMemory, by(bench.SocketIO))
	for i := range min(len(plain), len(socketIO)) {
		t.row(grouped(plain[i].Report.Conns), rig.Number(memory(plain[i])/1e6), rig.Number(memory(socketIO[i])/1e6))
	}
	t.row("the line through them", megabytes(m.plain.memory), megabytes(m.socketIO.memory))
	t.write(out)
}

func megabytes(l line) string {
	return fmt.Sprintf("%s MB and %s kB a socket", rig.Number(l.fixed/1e6), rig.Number(l.slope/1e3))
}

func (r results) printLadder(out io.Writer) {
	fmt.Fprintf(out, "**More and more events.** %d connections commit so many a second, each event reaches 10 sockets; cores are those that each kept busy:\n\n", ladderWriters)
	t := newGrid("asked for", "committed", "in staging, at most", "at the end", "p50, ms", "p99, ms", "daemon", "PostgreSQL", "load")
	for _, g := range r.Ladder {
		t.row(grouped(int(g.Asked)), grouped(int(g.Committed)), grouped(g.Most), grouped(g.Staging), rig.Number(g.Latency.P50), rig.Number(g.Latency.P99),
			rig.Number(g.Daemon), rig.Number(g.Postgres), rig.Number(g.Generator))
	}
	t.write(out)
	fmt.Fprintf(out, "%s\n\n", r.knee())
}

// knee says where the ladder ended, and why.
func (r results) knee() string {
	held := 0.0
	for _, g := range r.Ladder {
		switch {
		case g.held():
			held = g.Asked
		case g.inTime():
			return fmt.Sprintf("The knee is between %s and %s a second: there staging grows.", grouped(int(held)), grouped(int(g.Asked)))
		default:
			return fmt.Sprintf("The knee is between %s and %s a second: there the writers themselves get no further than %s, and staging holds %s at the end.",
				grouped(int(held)), grouped(int(g.Asked)), grouped(int(g.Committed)), grouped(g.Staging))
		}
	}
	return fmt.Sprintf("Up to %s a second nothing waits.", grouped(int(held)))
}

func (m model) printFormula(out io.Writer) {
	fmt.Fprint(out, `With S screens, k of an account, which has h events an hour, and f times as many at the peak:

    E = S ÷ k × h ÷ 3600 × f                                       events a second
    w = n × (1 − (1 − 1 ÷ n)^k)                                    of n daemons that have a screen of an account, when a proxy spreads them
    daemons, in cores     (E × (a + a₁ × (w − 1) + a₂ × (n − w) + b × k) + n × i) ÷ 1000
    PostgreSQL, in cores  (E × (p + p₁ × (w − 1) + p₂ × (n − w)) + n × j) ÷ 1000
    memory                n × m₀ + S × m

`)
	t := newGrid("milliseconds an event", "a", "a₁", "a₂", "p", "p₁", "p₂")
	for _, c := range []eventCosts{m.calm, m.thick} {
		cells := []string{fmt.Sprintf("at %.0f a second", c.rate)}
		for _, v := range []float64{c.daemon.first, c.daemon.sharing, c.daemon.beside, c.postgres.first, c.postgres.sharing, c.postgres.beside} {
			cells = append(cells, rig.Number(v))
		}
		t.row(cells...)
	}
	t.write(out)
	fmt.Fprintf(out, "b = %s ms (plain) or %s (Socket.IO); i = %s and j = %s ms a second; m₀ = %s MB; m = %s kB (plain) or %s (Socket.IO).\n", small(m.plain.delivery()),
		small(m.socketIO.delivery()), rig.Number(m.idleDaemon), rig.Number(m.idlePostgres), rig.Number(m.socketIO.memory.fixed/1e6),
		rig.Number(m.plain.memory.slope/1e3), rig.Number(m.socketIO.memory.slope/1e3))
	fmt.Fprintf(out, `From one rate to the next an event has become cheaper, since more of them are read at a time: below %.0f a second the first line counts, from there on the second, and what is
between and beyond costs that much at most. Each daemon reads every event: at %s daemons without a socket of its account an event costs PostgreSQL twice what it costs with one
daemon at %.0f a second, at %s at %.0f. That is where more daemons on one database end to be the way.

`, m.thick.rate, rig.Number(m.calm.postgres.doubling()), m.calm.rate, rig.Number(m.thick.postgres.doubling()), m.thick.rate)
}

func (m model) printNeeds(out io.Writer, a assumptions) {
	fmt.Fprintf(out, `**What screens need**, assuming %d screens in an account, %g events of it an hour and %g times that at the peak, Socket.IO without TLS, %s screens on a daemon (of the %s that
`+"`--max-connections`"+` allows) and a daemon more than that needs:

`, a.screens, a.events, a.peak, grouped(a.daemon), grouped(defaultConnections))
	t := newGrid("screens", "accounts", "events/s", "daemons", "their cores", "their memory", "PostgreSQL's cores", "files of a daemon", "proxy addresses", "traffic")
	for _, screens := range []int{1000, 10_000, 100_000, 1_000_000} {
		n := m.need(screens, a)
		t.row(grouped(n.screens), grouped(n.accounts), rig.Number(n.events), fmt.Sprint(n.daemons), inCores(n.daemon), inBytes(n.memory), inCores(n.postgres),
			grouped(n.files), fmt.Sprint(n.sources), fmt.Sprintf("%s Mbit/s", rig.Number(n.traffic/1e6)))
	}
	t.write(out)
	fmt.Fprintf(out, `Memory is that of idle sockets: give a daemon twice as much, for when everybody comes back at once. Files are those of `+"`ulimit -n`"+`, while the spare daemon is missing; a proxy
needs two for each screen. Proxy addresses: from one to one address of a daemon Linux has %s ports (`+"`net.ipv4.ip_local_port_range`"+`), and each screen takes one; so many
addresses a proxy needs, or proxies there must be, or the range has to be wider. After a failure of everything the daemons let screens in at `+"`--max-connects-per-second`"+`.
`, grouped(a.ports))
}

// defaultConnections is the default of --max-connections.
const defaultConnections = 50_000

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

// grid is a table in Markdown.
type grid struct{ rows [][]string }

func newGrid(head ...string) *grid {
	return &grid{rows: [][]string{head, slices.Repeat([]string{"---"}, len(head))}}
}

func (g *grid) row(cells ...string) { g.rows = append(g.rows, cells) }

func (g *grid) write(out io.Writer) {
	for _, cells := range g.rows {
		line := "| " + strings.Join(cells, " | ") + " |"
		if cells[0] == "---" {
			line = "|" + strings.Join(cells, "|") + "|"
		}
		fmt.Fprintln(out, line)
	}
	fmt.Fprintln(out)
}
