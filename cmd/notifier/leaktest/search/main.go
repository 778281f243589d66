// Command search runs the tests and then searches all that their daemons logged, and what the tests themselves printed, for secrets:
//
//	go run ./cmd/notifier/leaktest/search -events 1000 go test ./...
//
// The exit status is the command's, or 1 if something was found, or too little was there to be searched.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"notifier/cmd/notifier/leaktest"
)

func main() {
	events := flag.Int("events", 1, "events that the logs must tell of at least")
	flag.Parse()
	// Ctrl-C goes to the command, too, and its end is ours.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	os.Exit(run(flag.Args(), *events, os.Stdout, os.Stderr))
}

func run(command []string, events int, stdout, stderr io.Writer) (status int) {
	dir, err := os.MkdirTemp("", "notifier-logs-")
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	status, err = runCommand(command, dir, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	found, err := leaktest.Search(dir, events)
	fmt.Fprintf(stdout, "logs\t%d files, %d lines, %d events published; %d secrets searched for, %d found\n",
		found.Files, found.Lines, found.Events, found.Secrets, len(found.Leaks))
	if (err == nil || status != 0) && len(found.Leaks) == 0 { // tests that failed may have left too little
		_ = os.RemoveAll(dir) // temporary
		return status
	}
	for _, leak := range found.Leaks[:min(50, len(found.Leaks))] {
		fmt.Fprintln(stderr, leak)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
	}
	fmt.Fprintf(stderr, "the logs are kept in %s\n", dir)
	return max(1, status)
}

// runCommand passes on what a command prints, and keeps a copy.
func runCommand(command []string, dir string, stdout, stderr io.Writer) (status int, err error) {
	if len(command) == 0 {
		return 0, errors.New("say which command runs the tests")
	}
	output, err := os.Create(filepath.Join(dir, "output.log"))
	if err != nil {
		return 0, err
	}
	defer output.Close()                            //nolint:errcheck // a copy
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // it ends by itself, or by the signal that goes to both of us
	cmd.Env = append(os.Environ(), leaktest.Variable+"="+dir)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(stdout, output), io.MultiWriter(stderr, output)
	err = cmd.Run()
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		return max(1, exited.ExitCode()), nil
	}
	return 0, err
}
