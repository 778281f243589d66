package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
)

func newKickCommand() *cobra.Command {
	var q kickQuestion
	cmd := &cobra.Command{
		Use:   "kick",
		Short: "Closes connections, at all daemons",
		Long: `kick closes the connections of an account, of a subject, or one, at all daemons on the
database, as a restart does: what waits for those that are live goes out, they end with 1012 (Socket.IO:
"transport close"), their clients come back by themselves with their cursor, and lose nothing.

It takes no rights away. Who has a good token comes back: to keep somebody out, have your
application sign no more tokens for him; a connection ends with its token.`,
		Example: `  notifier kick --conn k3f9a2xy.1042
  notifier kick --account 1
  notifier kick --subject 7`,
		Args: noArguments,
	}
	return newAdminCommand(cmd, func(s *settings) {
		s.text(&q.Account, "account", "", "all connections of this account")
		s.text(&q.Subject, "subject", "", "all whose token has this subject (sub)")
		s.text(&q.Conn, "conn", "", "this one, as conns and the log name it")
	}, func(ctx context.Context, c *adminClient, _ []string, out io.Writer) error {
		if q.by() == "" {
			return &usageError{"kick wants one of --account, --subject and --conn; see: notifier kick --help"}
		}
		var report kickReport
		if err := c.post(ctx, "/api/kick", q, &report); err != nil {
			return err
		}
		if !c.JSON {
			return report.print(out)
		}
		if err := printJSON(out, report); err != nil || !report.unanswered() {
			return err
		}
		return errUnanswered
	})
}

// print writes a line for each daemon that has closed something, or could not be asked, and the sum.
func (r kickReport) print(out io.Writer) error {
	for _, d := range r.Daemons {
		if d.Closed > 0 {
			fmt.Fprintf(out, "daemon %s: %d closed\n", printable(d.Daemon, 40), d.Closed)
		}
		d.printError(out)
	}
	printAlone(out, r.Alone)
	switch {
	case r.Closed > 0:
		fmt.Fprintln(out, counted(r.Closed, "connection")+" closed. Clients come back with their cursor.")
	case r.unanswered():
		fmt.Fprintln(out, "No connection is known to be closed.")
	default:
		fmt.Fprintln(out, "Nobody is connected who fits.")
	}
	if r.unanswered() {
		fmt.Fprintln(out, "What became of those at the daemons without an answer is not known: see notifier conns, and kick again.")
		return errUnanswered
	}
	return nil
}

var errUnanswered = errors.New("not every daemon has answered")

// unanswered reports whether a daemon may have closed connections without our knowing.
func (r kickReport) unanswered() bool {
	return slices.ContainsFunc(r.Daemons, func(d kickDaemon) bool { return d.Error != "" })
}
