// Command notifier tells every screen of a clinic at once that an appointment has ended.
//
// This package is the only place where notifier, wsroom, auth and sql meet, and the only one that
// reads settings, prints to a person and decides on an exit status.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// What a script can tell from the exit status.
const (
	exitOK     = 0
	exitFailed = 1 // the work could not be done
	exitUsage  = 2 // the command line or a setting has to change first
)

func main() {
	// With a handler, a write into a closed pipe is an error where it happens (`notifier tail | head`
	// then ends with status 0, and a daemon outlives the process that collected its log). Without one
	// it would kill the process; ignoring the signal instead would be inherited by child processes.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel() // the first signal asks
		die(<-signals)
	}()

	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(status)
}

// die ends the process by a signal's default effect, so that its parent sees which one it was. The signal was taken in by a channel, and
// not left to its effect from the first one on, because a second one that comes right behind the first would fall in between.
func die(by os.Signal) {
	signal.Reset(by)
	if self, err := os.FindProcess(os.Getpid()); err != nil || self.Signal(by) != nil {
		os.Exit(exitFailed)
	}
}

// run is main without the process: it returns the exit status and is the one place that prints an error.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // nobody reads any more: nothing to say, nobody to say it to
		return exitOK
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(stderr, "notifier: interrupted")
		return exitFailed
	}
	fmt.Fprintf(stderr, "notifier: %v\n", err)
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// isUsage tells whether the user has to change the command line or a setting.
func isUsage(err error) bool {
	var usage *usageError
	var faults *settingsError
	return errors.As(err, &usage) || errors.As(err, &faults)
}
