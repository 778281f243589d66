// Package rig is what measurements with real processes have in common: compare, capacity and soak.
//
//	main.go       a program that can be interrupted
//	build.go      the programs, compiled as for a release
//	postgres.go   a private PostgreSQL, and a clinic in it
//	token.go      tokens for the load
//	process.go    a process that does not outlive us; child.go, one that is up when it says so
//	daemon.go     `notifier serve`
//	machine.go    where it was measured
//	results.go    what was measured, as a file; number.go, for people
package rig
