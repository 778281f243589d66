// Package notifier carries a committed status change from PostgreSQL to the rooms of its account.
//
// The way of one event, in the order of the files:
//
//	bell.go         the trigger's NOTIFY payload, a hint that something was committed
//	listener.go     hears the bell on a connection of its own and wakes the feed
//	echo.go         whether what is notified arrives there
//	feed.go         number, release, read, load, publish: one pass
//	loop.go         when the next pass begins, and what an error does
//	epoch.go        what happens when the log moves to another server, or was cut behind us
//	pump.go         numbers the committed rows into the log (SQL function notifier.pump)
//	release.go      marks doctors not busy (SQL function notifier.release), beside the loop
//	announce.go     tells the other daemons that there is more to read
//	log.go          reads the log: the feed's next events
//	replay.go       a client that comes back, page by page; how replays share their work
//	rounds.go       many who ask at one time ask together
//	question.go     what follows a client's place, and is it good; stretch.go reads each event once for all
//	floor.go        has a client missed more than the limit?
//	shared_load.go  loads an event's data once for all who wait for it
//	cursor.go       event ids, which are cursors
//	appointment.go  the data that clients are sent
//	load.go         reads that data for a batch of events
//	database.go     the pool, time limits, whose fault an error is; session.go, one connection and the pooler in between
//	retention.go    removes what is older than the retention
//	lend.go         lets the writers ring their bell, as long as the queue of NOTIFY has room
//	watch.go        looks whether all this works; judge.go decides what is trouble, trouble.go names it, watch_log.go tells it
//	registry.go     which daemons run, for them to find each other
//	inspect.go      the same questions, asked once: for notifier check
//	clock.go        the database's clock, by which delays are measured
//	quiet.go        log lines that can repeat thousands of times
//	tracer.go       who is told of each step of an event's way
//	metrics.go      what is counted; queries.go, the statements, each in a .sql file
//
// PostgreSQL holds all state that matters. Any number of daemons may run on one database: each numbers,
// each reads the whole log in the same order, and each serves the clients that are connected to it.
package notifier
