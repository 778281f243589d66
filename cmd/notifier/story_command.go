package main

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
)

func newTraceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace <appointment id>",
		Short: "Tells the story of an appointment's events",
		Long: `trace tells what became of each event of an appointment: when its row was written and
numbered; whether the doctor was released, or why not; which daemon read it when, and to how
many connections it was delivered; whom it evicted, and to whom it was replayed.

The first part is in the database, for the retention. The second is what each daemon remembers
of its last 20,000 events since its start; one that does not know says so. It asks one daemon
by its admin address, which asks the others.`,
		Example: `  notifier trace 4711
  notifier trace 4711 --json | jq .events[].daemons`,
		Args: oneArgument("an appointment's id"),
	}
	return newAdminCommand(cmd, nil, func(ctx context.Context, c *adminClient, args []string, out io.Writer) error {
		var report traceReport
		if err := c.get(ctx, "/api/trace", url.Values{"appointment": {args[0]}}, &report); err != nil {
			return err
		}
		var err error
		if c.JSON {
			err = printJSON(out, report)
		} else {
			report.print(out)
		}
		if err == nil && len(report.Events) == 0 && report.Waiting == 0 {
			return fmt.Errorf("no event of appointment %s is in the log", printable(args[0], 60))
		}
		return err
	})
}
