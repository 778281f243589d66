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

var sectionTemplate = template.Must(template.New("section").Parse(sectionText))

// section is what the template needs.
type section struct {
	Date, Machine, Command string
	Quick                  bool
	Calm, Thick            int

	Sockets, Accounts, Daemons, Memory, Ladder, Costs, Needs *grid

	Writers, LadderReach           int
	Knee                           string
	Socket, PlainSocket            string // kB
	IdleDaemon, IdlePostgres       string // ms a second
	Empty                          string // MB
	Doubling, ThickDoubling, Crest string
	A                              sectionAssumptions
	Allowed                        string
	MostSockets, MostDaemons       string
}

// sectionAssumptions are the assumptions in words.
type sectionAssumptions struct {
	Screens       int
	Events, Peak  string
	Daemon, Ports string
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
		Socket: rig.Number(m.socketIO.memory.slope / 1e3), PlainSocket: rig.Number(m.plain.memory.slope / 1e3),
		IdleDaemon: rig.Number(m.idleDaemon), IdlePostgres: rig.Number(m.idlePostgres), Empty: rig.Number(m.socketIO.memory.fixed / 1e6),
		Doubling: rig.Number(math.Round(m.calm.postgres.doubling())), ThickDoubling: rig.Number(math.Round(m.thick.postgres.doubling())), Crest: rig.Number(max(m.plain.crest, m.socketIO.crest)),
		A: sectionAssumptions{
			Screens: assumed.screens, Events: rig.Number(assumed.events), Peak: rig.Number(assumed.peak), Daemon: grouped(assumed.daemon), Ports: grouped(assumed.ports),
		},
		Allowed: grouped(defaultConnections), MostSockets: grouped(most(r.Runs, sockets)), MostDaemons: grouped(most(r.Runs, daemons)),
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
