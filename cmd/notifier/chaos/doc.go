// Command chaos proves that nothing is lost and nothing is doubled: `make chaos`.
//
// Every scenario has a world of its own, of real processes: PostgreSQL (with a streaming replica where one is
// promoted), PgBouncer, three daemons, screens of both wire protocols, and a clinic whose writers change
// appointments with delays, rollbacks, savepoints, early transaction ids and row locks. While they do, the scenario's
// fault happens. Then an oracle compares what the clinic committed with what everybody has seen.
//
//	main.go       flags, the table at the end
//	invite.go     the screens of a world
//	run.go        one scenario from beginning to end
//	scenario.go   what a scenario is; scenarios_*.go, all of them
//	wrongclock.go a daemon that does not know the time
//	world.go      the processes of a scenario: database.go, node.go (a daemon and the links around it), keys.go, invite.go
//	clinic.go     writers, and what they have committed; writer.go, one of them
//	daemon.go     one `notifier serve`; journal.go, what it has logged
//	screen.go     one client and what it received; plain.go, stock.go: the two wire protocols
//	oracle.go     the comparison; releases.go, the doctors; serverlog.go, what PostgreSQL complained of
//	story.go      the story of a lost event
//	link          a network that can be cut, slowed down and swallowed
package main
