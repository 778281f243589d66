package main

import (
	"fmt"

	"notifier/cmd/notifier/bench"
)

// model is what things cost: processor time and memory.
type model struct {
	plain, socketIO protocolCosts
	calm, thick     eventCosts
	idleDaemon      float64 // ms a second
	idlePostgres    float64 // ms a second, for each daemon
	frame           float64 // bytes of an event to a socket, without the frame's header
}

// protocolCosts are a daemon's for its sockets.
type protocolCosts struct {
	memory   line    // bytes, by sockets
	returned float64 // µs of a socket that comes back
	crest    float64 // bytes at most, after all sockets came back at once, against those with as many idle ones
}

// eventCosts are for one event, at a rate: of all daemons without the deliveries, and of PostgreSQL with the clinic's own UPDATE.
type eventCosts struct {
	rate             float64
	daemon, postgres shares
	plain, socketIO  line // ms of a daemon alone, by sockets that the event reaches
}

// shares are ms an event.
type shares struct {
	first   float64 // daemon
	sharing float64 // each further one that has a socket of the account
	beside  float64 // each further one that has none
}

// model is computed from what was measured.
func (r results) model() (m model, err error) {
	if m.plain, err = r.protocol(bench.Plain); err != nil {
		return m, err
	}
	if m.socketIO, err = r.protocol(bench.SocketIO); err != nil {
		return m, err
	}
	if m.calm, err = r.event(calm); err != nil {
		return m, err
	}
	if m.thick, err = r.event(thick); err != nil {
		return m, err
	}
	for _, idle := range []struct {
		of   func(measurement) float64
		cost *float64
	}{{idleOfDaemons, &m.idleDaemon}, {idleOfPostgres, &m.idlePostgres}} {
		l, err := lineOf(r.of(idling), daemons, idle.of)
		if err != nil {
			return m, fmt.Errorf("idle daemons: %w", err)
		}
		*idle.cost = max(l.slope, 0)
	}
	for _, run := range r.of(bySockets, by(bench.SocketIO)) {
		m.frame = float64(run.Report.FrameBytes)
	}
	return m, nil
}

func (r results) protocol(name string) (p protocolCosts, err error) {
	if p.memory, err = lineOf(r.of(inMemory, by(name)), sockets, memory); err != nil {
		return p, fmt.Errorf("memory by %s: %w", name, err)
	}
	for _, run := range r.of(returning, by(name)) {
		p.returned = run.Report.Server.CPUPerConn
		p.crest = float64(run.Report.Server.PeakRSS) / p.memory.at(sockets(run))
	}
	return p, nil
}

// event takes what daemons cost from the lines through those that share the sockets, and through those of which one has them all. A daemon that is alone is
// left out: it does without what several have to tell each other.
func (r results) event(rate float64) (e eventCosts, err error) {
	e.rate = rate
	for name, protocol := range map[string]*line{bench.Plain: &e.plain, bench.SocketIO: &e.socketIO} {
		if *protocol, err = lineOf(r.of(bySockets, by(name), at(rate)), reached, daemonsPerEvent); err != nil {
			return e, fmt.Errorf("sockets by %s at %.0f events a second: %w", name, rate, err)
		}
	}
	sharing, beside := r.of(shared, at(rate), several), r.of(bystanding, at(rate), several)
	if e.daemon, err = sharesOf(sharing, beside, daemonsPerEvent); err != nil {
		return e, fmt.Errorf("daemons at %.0f events a second: %w", rate, err)
	}
	if e.postgres, err = sharesOf(sharing, beside, postgresPerEvent); err != nil {
		return e, fmt.Errorf("daemons at %.0f events a second: %w", rate, err)
	}
	e.daemon.first = max(e.daemon.first-e.plain.slope*reached(sharing[0]), 0)
	return e, nil
}

func several(m measurement) bool { return m.Daemons > 1 }

// sharesOf has the first daemon cost what both lines say of it, in the mean.
func sharesOf(sharing, beside []measurement, cost func(measurement) float64) (s shares, err error) {
	all, err := lineOf(sharing, daemons, cost)
	if err != nil {
		return s, err
	}
	one, err := lineOf(beside, daemons, cost)
	if err != nil {
		return s, err
	}
	return shares{first: (all.at(1) + one.at(1)) / 2, sharing: max(all.slope, 0), beside: max(one.slope, 0)}, nil
}

// What a run says.
func daemons(m measurement) float64          { return float64(m.Daemons) }
func sockets(m measurement) float64          { return float64(m.Report.Conns) }
func memory(m measurement) float64           { return float64(m.Report.Server.RSS) }
func reached(m measurement) float64          { return float64(m.Report.Conns) / float64(m.Report.Accounts) }
func daemonsPerEvent(m measurement) float64  { return m.Report.Server.CPUPerEvent }
func postgresPerEvent(m measurement) float64 { return m.Report.Postgres.CPUPerEvent }
func idleOfDaemons(m measurement) float64 {
	return 1e3 * m.Report.Server.CPUSeconds / m.Report.MeasuredSeconds
}
func idleOfPostgres(m measurement) float64 {
	return 1e3 * m.Report.Postgres.CPUSeconds / m.Report.MeasuredSeconds
}

func lineOf(runs []measurement, x, y func(measurement) float64) (line, error) {
	points := make([]point, len(runs))
	for i, run := range runs {
		points[i] = point{x(run), y(run)}
	}
	return fit(points)
}

// costs are those of the highest rate measured that is not above this one. More events at a time have cost less each: so it is that much at most.
func (m model) costs(rate float64) eventCosts {
	if rate >= m.thick.rate {
		return m.thick
	}
	return m.calm
}
