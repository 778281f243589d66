// Package bench is a load generator for appointment events: it opens sockets as screens do, finalises appointments with plain UPDATEs as the clinic's
// application does, and counts what arrives. It drives anything that speaks notifier's plain protocol or Socket.IO over WebSocket.
//
//	workload.go   what is driven, against what
//	run.go        seed, connect, drive, wait, measure
//	clinic.go     accounts and appointments of its own, and their updates
//	swarm*.go     many sockets on few threads
//	client.go     one socket: what it says, and what it makes of what it hears
//	score.go      what arrived, when, and whether it should have
//	crowd.go      sockets that come and go on several daemons; stream.go, what each has heard; supply.go, appointments while servers fail
//	process.go    processor time and memory of the servers, from /proc
//	report.go     the outcome, for people and for programs
package bench

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// The protocols that a Target can speak.
const (
	Plain    = "ws"
	SocketIO = "socketio"
)

// Target is a server under load.
type Target struct {
	URL      string                              // ws://127.0.0.1:8080, without a path
	Protocol string                              // Plain or SocketIO
	Sources  int                                 // so many loopback addresses, from 127.0.0.2 on, that the sockets come from; 0: whatever the kernel chooses
	Token    func(account int64) (string, error) // for the sockets of an account
	PID      int                                 // the server's process, 0: not measured
	Postgres int                                 // the postmaster's, 0: not measured
	Peers    []Peer                              // further daemons on the same database
}

// Peer is a daemon beside the Target's first. What it takes is added to the first one's.
type Peer struct {
	URL string // where each socket goes by chance, to the first or to one of these; empty: none goes there
	PID int
}

// Workload is what is done to a target. Exactly one of Rate, Writers, Burst, Storm and Idle is set.
type Workload struct {
	Name     string
	Conns    int // sockets, dealt out to the accounts in turn
	Accounts int
	For      time.Duration // of Rate, Writers and Idle

	Rate    float64 // appointments a second, each in a transaction of its own
	Writers int     // as fast as so many connections commit
	Burst   int     // so many appointments in one transaction
	Storm   bool    // all sockets are cut and come back at once
	Idle    bool    // nothing happens: memory
}

// Validate reports all faults at once.
func (w Workload) Validate() error {
	var faults []error
	if w.Conns < 1 || w.Accounts < 1 || w.Accounts > w.Conns {
		faults = append(faults, fmt.Errorf("%d sockets in %d accounts: at least one of each, and no account without a socket", w.Conns, w.Accounts))
	}
	kinds := 0
	for _, set := range []bool{w.Rate > 0, w.Writers > 0, w.Burst > 0, w.Storm, w.Idle} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		faults = append(faults, errors.New("exactly one of rate, writers, burst, storm and idle"))
	}
	if w.For <= 0 && (w.Rate > 0 || w.Writers > 0) {
		faults = append(faults, errors.New("how long is not said"))
	}
	return errors.Join(faults...)
}

// appointments is how many may be needed.
func (w Workload) appointments() int {
	switch {
	case w.Burst > 0:
		return w.Burst
	case w.Rate > 0:
		return int(w.Rate*w.For.Seconds()) + 1
	case w.Writers > 0:
		return int(w.For.Seconds() * maxCommits)
	}
	return 0
}

// maxCommits is more than any PostgreSQL of this size commits in a second; for a longer Workload there are no more appointments then.
const maxCommits = 12_000

// Validate reports all faults at once.
func (t Target) Validate() error {
	var faults []error
	for _, address := range t.addresses() {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
			faults = append(faults, errors.New("the URL is not ws://host:port or wss://host:port"))
		}
	}
	if t.Protocol != Plain && t.Protocol != SocketIO {
		faults = append(faults, fmt.Errorf("the protocol is %q, not %s or %s", t.Protocol, Plain, SocketIO))
	}
	if t.Sources < 0 || t.Sources > 200 {
		faults = append(faults, fmt.Errorf("%d source addresses: 0 to 200", t.Sources))
	}
	return errors.Join(faults...)
}

// addresses are where sockets go.
func (t Target) addresses() (urls []string) {
	urls = append(urls, t.URL)
	for _, peer := range t.Peers {
		if peer.URL != "" {
			urls = append(urls, peer.URL)
		}
	}
	return urls
}

// servers are the processes that are measured.
func (t Target) servers() (all group) {
	all = append(all, process{pid: t.PID})
	for _, peer := range t.Peers {
		all = append(all, process{pid: peer.PID})
	}
	return all
}
