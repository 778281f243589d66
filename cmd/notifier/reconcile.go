package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"notifier/sql"
)

func newReconcileCommand() *cobra.Command {
	var (
		database databaseSettings
		asked    sql.Reconciliation
		by       string
	)
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Delivers what the trigger did not see",
		Long: `reconcile finds ended appointments that have no event: the trigger was disabled for a while,
a dump was restored, or they were changed under session_replication_role = replica or by
logical replication. It stages them, and the daemons deliver them and release their doctors
within moments. An appointment whose present status the log has already told of is left
alone, so it may be run again. It connects as migrate does, and holds no lock that the
clinic's writers would wait on for longer than a moment.

Look first with --dry-run. The log knows what happened from its beginning on (the retention,
or the installation); what ended before is only counted, unless --beyond-log.`,
		Example: `  notifier reconcile --since 2h --dry-run --database-url postgres://owner@127.0.0.1:5432/clinic
  notifier reconcile --since 2h
  notifier reconcile --since 2h --by date      # today's appointments, where updates by hand left updatedAt as it was`,
		Args: noArguments,
	}
	s := newSettings(cmd)
	s.duration(&asked.Since, "since", "", "how long ago it was missed, at most: 2h, 36h", atLeast(time.Second)).example = "--since 2h"
	s.choice(&by, "by", "changed", []string{"changed", "date"},
		"what tells when: the appointment's updatedAt, or its date, from that day until today")
	s.toggle(&asked.DryRun, "dry-run", "false", "only tell what would be staged")
	s.toggle(&asked.BeyondLog, "beyond-log", "false", "also what ended before the log begins, although it may have been delivered then")
	for _, v := range s.list {
		v.withoutVariable() // arguments of this call
	}
	database.register(s, "the owner of the clinic's tables")
	s.fromEnvFile()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.load(); err != nil {
			return err
		}
		asked.ByDate = by == "date"
		found, err := sql.Reconcile(cmd.Context(), database.direct(), asked)
		if err != nil {
			return errors.Join(withReconcileHint(err), stagedBefore(asked, found))
		}
		return printReconciled(cmd.OutOrStdout(), asked, found)
	}
	return cmd
}

// withReconcileHint adds to PostgreSQL's error what to do about it.
func withReconcileHint(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case "42501":
		return fmt.Errorf("%w\n  connect as the owner of the clinic's tables (--database-url), who installed notifier, "+
			"or as another who may update them and is a member of the owner role (GRANT notifier_owner TO …)", err)
	case "25006":
		return fmt.Errorf("%w\n  this is a replica, where --dry-run works: connect to the primary", err)
	case "28P01":
		return fmt.Errorf("%w\n  check user and password of --database-url", err)
	}
	return err
}

// stagedBefore tells what a run had done before it failed.
func stagedBefore(asked sql.Reconciliation, found sql.Reconciled) error {
	if asked.DryRun || found.Found() == 0 {
		return nil
	}
	return fmt.Errorf("%d were staged before; run it again for the rest", found.Found())
}

// errHeld makes the exit status tell that the work is not complete.
var errHeld = errors.New("some appointments are being written at this moment and were passed over: run it again")

func printReconciled(w io.Writer, asked sql.Reconciliation, found sql.Reconciled) error {
	printWhere(w, asked, found)
	if found.Found() > 0 {
		if err := printFound(w, found); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, outcome(asked, found))
	for _, t := range found.Triggers {
		if t.State != "enabled" && t.State != "always" {
			fmt.Fprintf(w, "Trigger %s of %s is %s: changes are still being missed. ALTER TABLE %s ENABLE TRIGGER %s\n",
				t.Name, t.Table, t.State, t.Table, t.Name)
		}
	}
	if len(found.Triggers) < 2 {
		fmt.Fprintln(w, "The triggers are not all there: changes are still being missed. See notifier migrate status.")
	}
	if found.Held > 0 {
		return errHeld
	}
	return nil
}

func printWhere(w io.Writer, asked sql.Reconciliation, found sql.Reconciled) {
	const moment = "2006-01-02 15:04:05 MST"
	what, since := "changed since ", found.Since
	if found.ByDate {
		what = "dated until today, from the day of "
	}
	beyond := since.Before(found.LogBegins)
	if beyond && !asked.BeyondLog {
		since = found.LogBegins
	}
	fmt.Fprintf(w, "Appointments %s%s\n", what, since.UTC().Format(moment))
	switch {
	case beyond && asked.BeyondLog:
		fmt.Fprintf(w, "The log begins at %s: what ended before may have been delivered once already.\n", found.LogBegins.UTC().Format(moment))
	case beyond:
		fmt.Fprintln(w, "The log begins there: notifier was installed then, or the retention has removed what was before.")
	}
	if found.Earlier > 0 {
		fmt.Fprintf(w, "%d that ended earlier have no event and are left alone, since they may have been delivered; --beyond-log takes them, too.\n",
			found.Earlier)
	}
}

func printFound(w io.Writer, found sql.Reconciled) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nSTATUS\tWITHOUT AN EVENT")
	for _, status := range slices.Sorted(maps.Keys(found.Statuses)) {
		fmt.Fprintf(table, "%s\t%d\n", status, found.Statuses[status])
	}
	fmt.Fprintln(table, "\nAPPOINTMENT\tACCOUNT\tSTATUS")
	for _, e := range found.First {
		fmt.Fprintf(table, "%s\t%s\t%s\n", e.Appointment, e.Account, e.Status)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more := found.Found() - len(found.First); more > 0 {
		fmt.Fprintf(w, "… and %d more\n", more)
	}
	fmt.Fprintln(w)
	return nil
}

// outcome is what happens next.
func outcome(asked sql.Reconciliation, found sql.Reconciled) string {
	switch {
	case found.Found() == 0 && found.Held > 0:
		return "Nothing was staged."
	case found.Found() == 0:
		return "Every ended appointment among them has its event: nothing to do."
	case asked.DryRun:
		return fmt.Sprintf("A dry run: nothing was staged. Without --dry-run, the daemons deliver these %d and release the doctors of %d.",
			found.Found(), found.Releases)
	}
	return fmt.Sprintf("Staged %d: the daemons deliver them now (as soon as one runs), and release the doctors of %d.", found.Found(), found.Releases)
}
