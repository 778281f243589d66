// Command chaos proves that nothing is lost and nothing is doubled: `make chaos`.
//
// Every scenario has a world of its own, of real processes: PostgreSQL (with a streaming replica where one is
// promoted), PgBouncer, three daemons, screens of both wire protocols, and a clinic whose writers change
// appointments with delays, rollbacks, savepoints, early transaction ids and row locks. While they do, the scenario's
// fault happens. Then an oracle compares what the clinic committed with what everybody has seen.
//
//	main.go       flags, and one scenario after the other
//	scenario.go   what a scenario is; scenarios.go, scenarios_*.go: all of them
//	run.go        one scenario from beginning to end
//	world.go      what it plays in: database.go, the servers; node.go, a daemon and the links around it; keys.go, an identity provider
//	daemon.go     one `notifier serve`; journal.go, what it has logged; wrongclock.go, one that does not know the time
//	clinic.go     writers, and what they have committed; writer.go, one of them
//	balancer.go   a proxy without affinity
//	invite.go     the screens; screen.go, one of them and what it received; plain.go, stock.go: the two wire protocols
//	oracle.go     the comparison with the log; audience.go, of the screens; judges.go, of daemons, servers and clinic; releases.go, of the doctors
//	verdict.go    what came of it, and the table at the end; story.go, the story of a lost event
//	link          a network that can be cut, slowed down and swallowed
//	stock         the stock Socket.IO clients, in Node.js
package main
