package main

import "math"

// assumptions are what is not measured: how a clinic works, and how much is put on one daemon.
type assumptions struct {
	Screens int     // of an account
	Events  float64 // of an account in an hour
	Peak    float64 // the busiest moment against the mean
	Daemon  int     // screens of a daemon
	Spare   int     // daemons that may be missing
	Ports   int     // that a proxy has, from one address to one of a daemon
}

// assumed are four fifths of --max-connections on a daemon, and Linux's default range of ports.
var assumed = assumptions{Screens: 10, Events: 12, Peak: 3, Daemon: 40_000, Spare: 1, Ports: 60_999 - 32_768 + 1}

// filesBeside is more than a daemon opens beside its sockets.
const filesBeside = 100

// need is what so many screens need, at the peak.
type need struct {
	screens  int
	accounts int
	events   float64 // a second
	daemons  int
	sharing  float64 // of them have a screen of an account
	daemon   float64 // cores of all daemons
	postgres float64 // cores
	memory   float64 // bytes of all daemons
	files    int     // of one daemon
	sources  int     // addresses of proxies, from which one daemon is reached
	traffic  float64 // bits a second, from all daemons
}

// need has all screens come by Socket.IO, the dearer protocol.
func (m model) need(screens int, a assumptions) (n need) {
	n.screens, n.accounts = screens, (screens+a.Screens-1)/a.Screens
	n.events = float64(n.accounts) * a.Events / 3600 * a.Peak
	n.daemons = (screens+a.Daemon-1)/a.Daemon + a.Spare
	all := float64(n.daemons)
	n.sharing = all * (1 - math.Pow(1-1/all, float64(a.Screens)))
	c, memory := m.costs(n.events), m.socketIO.memory
	n.daemon = (n.events*(c.daemon.of(all, n.sharing)+c.socketIO.slope*float64(a.Screens)) + all*m.idleDaemon) / 1e3
	n.postgres = (n.events*c.postgres.of(all, n.sharing) + all*m.idlePostgres) / 1e3
	n.memory = all*memory.fixed + float64(screens)*memory.slope
	perDaemon := (screens + n.daemons - a.Spare - 1) / (n.daemons - a.Spare) // when the spare ones are missing
	n.files = perDaemon + filesBeside
	n.sources = (perDaemon + a.Ports - 1) / a.Ports
	n.traffic = n.events * float64(a.Screens) * m.frame * 8
	return n
}

// of is one event's cost on so many daemons.
func (s shares) of(daemons, sharing float64) float64 {
	return s.first + s.sharing*(sharing-1) + s.beside*(daemons-sharing)
}

// doubling is the number of daemons without sockets of an account that cost as much as the event itself; infinite, if they cost nothing.
func (s shares) doubling() float64 { return s.first / s.beside }
