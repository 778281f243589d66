package main

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"text/template"
	"time"

	"notifier/cmd/notifier/bench/rig"
)

//go:embed section.md.tmpl
var sectionText string

var sectionTemplate = template.Must(template.New("section").Funcs(template.FuncMap{"number": rig.Number, "grouped": grouped}).Parse(sectionText))

// section is what the template needs.
type section struct {
	Date, Machine, Command string
	Quick                  bool
	Calm, Thick            int

	Sockets, Accounts, Daemons, Memory, Ladder, Costs, Needs *grid

	Writers, LadderReach     int
	Knee                     string
	Socket, PlainSocket      float64 // kB
	Empty                    float64 // MB
	Crest                    float64 // times as much
	IdleDaemon, IdlePostgres float64 // ms a second
	Doubling, ThickDoubling  float64 // daemons

	Assumed                           assumptions
	Allowed, MostSockets, MostDaemons int
}

// defaultConnections is the default of --max-connections.
const defaultConnections = 50_000

// print writes the section of a page: what was measured, the formula, and what it comes to.
func (r results) print(out io.Writer, m model) error {
	command := "make capacity"
	if r.Quick {
		command += " ARGS=-quick"
	}
	err := sectionTemplate.Execute(out, section{
		Date: r.At.Format(time.DateOnly), Machine: r.Machine.String(), Command: command, Quick: r.Quick, Calm: calm, Thick: thick,
		Sockets: r.socketsTable(m), Accounts: r.accountsTable(m), Daemons: r.daemonsTable(), Memory: r.memoryTable(m), Ladder: r.ladderTable(),
		Costs: m.costsTable(), Needs: m.needsTable(assumed),
		Writers: ladderWriters, LadderReach: ladderReach, Knee: r.knee(),
		Socket: m.socketIO.memory.slope / 1e3, PlainSocket: m.plain.memory.slope / 1e3, Empty: m.socketIO.memory.fixed / 1e6,
		Crest: max(m.plain.crest, m.socketIO.crest), IdleDaemon: m.idleDaemon, IdlePostgres: m.idlePostgres,
		Doubling: math.Round(m.calm.postgres.doubling()), ThickDoubling: math.Round(m.thick.postgres.doubling()),
		Assumed: assumed, Allowed: defaultConnections, MostSockets: most(r.Runs, sockets), MostDaemons: most(r.Runs, daemons),
	})
	if err != nil {
		return fmt.Errorf("write the tables: %w", err)
	}
	return nil
}

func most(runs []measurement, of func(measurement) float64) (n int) {
	for _, run := range runs {
		n = max(n, int(of(run)))
	}
	return n
}
