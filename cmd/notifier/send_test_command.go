package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"notifier/cmd/notifier/ledger"
)

var errNotReached = errors.New("the test event did not reach everybody in time")

func newSendTestCommand() *cobra.Command {
	var q testQuestion
	cmd := &cobra.Command{
		Use:   "send-test",
		Short: "Sends a test event to an account's screens, and times each stage",
		Long: `send-test has a daemon write a test event for an account, by a trigger of its own as on the
clinic's tables, and follows it: numbered, read and published by each daemon, written to each
socket. Screens get the event "notifier.test", whose data has "test": true and a marker; those
that do not know the name ignore it. No table of the clinic is touched.

Exit status 1 if it did not reach every connection of the account within 5 s.`,
		Example: `  notifier send-test --account 1`,
		Args:    noArguments,
	}
	return newAdminCommand(cmd, func(s *settings) {
		s.text(&q.Account, "account", "", "whose screens are to get it")
	}, func(ctx context.Context, c *adminClient, _ []string, out io.Writer) error {
		if q.Account == "" {
			return &usageError{"send-test wants --account; see: notifier send-test --help"}
		}
		var report testReport
		if err := c.post(ctx, "/api/send-test", q, &report); err != nil {
			return err
		}
		var err error
		if c.JSON {
			err = printJSON(out, report)
		} else {
			err = report.print(out)
		}
		if err == nil && !report.Reached {
			return errNotReached
		}
		return err
	})
}

// print writes the stages for a person.
func (r testReport) print(out io.Writer) error {
	if r.Event != nil {
		storyPrinter{out, r.Event.ChangedAt}.event(*r.Event)
	} else {
		fmt.Fprintf(out, "The test event was committed, but not numbered within %s: see /readyz of each daemon, and notifier check.\n", testPatience)
	}
	for _, d := range r.Daemons {
		d.printError(out)
	}
	printAlone(out, r.Alone)
	_, err := fmt.Fprintln(out, r.verdict())
	return err
}

func (r testReport) verdict() string {
	whose := "account " + printable(r.Account, 60)
	switch {
	case r.Event == nil:
		return "It has reached nobody."
	case !r.Reached:
		return fmt.Sprintf("It did not reach every connection of %s within %s: %s.", whose, testPatience, r.obstacle())
	case r.Connections == 0:
		return "It has come through to every daemon; nobody of " + whose + " is connected."
	}
	return fmt.Sprintf("It reached all %s of %s in %.1f ms.", counted(r.Connections, "connection"), whose, float64(r.took().Microseconds())/1000)
}

// obstacle is what to look at.
func (r testReport) obstacle() string {
	for _, d := range r.Event.Daemons {
		name := "daemon " + printable(d.Daemon, 40)
		switch {
		case d.hasReached():
		case d.State != ledger.Published:
			return name + " has not published it: see its /readyz, and feed_failed in its log"
		case len(d.Evicted) > 0:
			return name + " closed a client that reads too slowly, which comes back and has it replayed: see notifier trace"
		default:
			return name + " has a client that does not read: notifier conns --account shows its queue"
		}
	}
	return "a daemon could not be asked"
}

// took is from the row to the last socket.
func (r testReport) took() (took time.Duration) {
	for _, d := range r.Event.Daemons {
		if d.Sent.Last != nil {
			took = max(took, d.Sent.Last.Sub(r.Event.ChangedAt))
		}
	}
	return took
}
