// Capacity measures what sockets, accounts, daemons and events cost, and computes what so many screens need: `make capacity`.
//
// Daemons, PostgreSQL and the load share one machine, so that what is measured is processor time and memory, and never a speed, but for the ladder.
//
//	main.go       flags, and what is printed
//	site.go       PostgreSQL and as many daemons as a run wants
//	series.go     which runs there are
//	ladder.go     events come faster and faster, until they wait
//	results.go    everything that was measured
//	fit.go        a line through points
//	model.go      what one event, socket and daemon costs
//	need.go       what screens need, by the formula
//	table.go      tables for people; section.go, the text around them; page.go, its place in a page
//
// What starts servers is in ../rig, the load in the folder above.
package main
