package main

import (
	"context"
	"time"
)

// scenario is one fault, and what it makes inevitable.
type scenario struct {
	name  string
	about string
	plan  plan
	// fault does it while the clinic writes. It says with world.over from when on delivery should work again; else
	// that is when it returns.
	fault  func(ctx context.Context, w *world) error
	allows allowance
	resume time.Duration // how soon delivery should be back; zero: nothing is promised but that it comes back
	short  bool          // also in `make test`
}

// plan is how a scenario's world differs from the usual one.
type plan struct {
	standby  bool                                // a streaming replica; the daemons' URLs name both servers
	settings []string                            // lines of postgresql.conf
	replica  []string                            // the same, of the replica only
	patience time.Duration                       // how long a wait for a lock must last to count, if not the usual
	sql      string                              // what the superuser runs before the daemons start
	flags    []string                            // of every daemon
	env      map[int][]string                    // of one daemon, by its number
	binary   map[int]string                      // of one daemon, by its number: a build that is not the usual one
	clock    map[int]time.Duration               // of one daemon, by its number: how much later its clock is
	jwks     bool                                // tokens are signed with a key from a JWKS
	balanced bool                                // stock screens reach the daemons by a balancer without affinity
	writers  int                                 // of the clinic, if not the usual number
	rate     float64                             // terminal changes a second, if not the usual
	before   func(context.Context, *world) error // when everything is installed and no daemon runs
}

// allowance is what a scenario makes inevitable: it must happen, or the fault was none. All else is a fault of ours.
type allowance struct {
	linksCut    bool     // screens lose their connections
	refetch     bool     // screens are told to fetch their lists again
	lostTail    bool     // commits may be lost by the database itself, after screens have heard of them
	lostCommits bool     // commits may be lost by the database itself, whoever has heard of them
	linkLost    bool     // the clinic's own connections end
	clinic      []string // SQLSTATEs that the clinic's transactions fail with
}
