// Soak has two daemons serve a crowd for half an hour while something fails every minute: `make soak`.
//
// The crowd's sockets come and go, each with the cursor of what it heard last, by both protocols and at either daemon. A clinic finalises appointments at a
// steady rate on a private PostgreSQL. At the end a judge compares what was committed with the log, and the log with what each socket heard: nothing may be
// lost, doubled, out of order, another account's, or replaced by "fetch your list again".
//
// Faults that end a daemon end the second one. The first lives through the whole soak, so that what grows can be seen in it.
//
//	main.go      flags, and what is printed
//	soak.go      one soak from beginning to end
//	site.go      PostgreSQL and the daemons
//	daemon.go    one `notifier serve`
//	faults.go    what fails
//	vitals.go    memory, goroutines and descriptors of a daemon, and what waits
//	judge.go     what came of all deliveries
//	results.go   everything that was measured, and the verdict
//	trend.go     what is flat
//	table.go     the outcome for people
//	picture.go   the same as SVG; plot.go, in characters
//
// What starts servers is in ../rig.
package main
