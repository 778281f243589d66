// Compare measures notifier beside what one would use instead: `make bench`.
//
// Four contenders do the same job for the same load, each in a database of its own on one private PostgreSQL, started afresh for each run and one after
// the other, so that what the machine does meanwhile meets all of them:
//
//	notifier-ws         the daemon, by its plain protocol
//	notifier-socketio   the daemon, by Socket.IO over WebSocket
//	nest                the NestJS gateway of ../nest
//	floor               the least that net.Conn allows, ../floor
//
// How the code is laid out:
//
//	main.go         flags, and what is printed
//	workloads.go    W1 to W6
//	contenders.go   what is measured, and how it is started
//	lab.go          PostgreSQL, and a database for each contender
//	builds.go       the programs
//	rounds.go       which run comes when
//	figures.go      what counts of a workload, and the targets
//	results.go      reports, and medians of them
//	table.go        the outcome for people
//	picture.go      the same as SVG
//
// What starts servers is in ../rig.
package main
