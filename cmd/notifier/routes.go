package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"notifier/sql"
)

func newRoutesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "routes",
		Short: "Tells and changes which changes raise which events",
		Long: `routes tells and changes which status of an appointment raises which event, and whether a
doctor's state does. A route takes effect at the next change, without a restart.

Events of appointments carry the appointment, those of doctors {"id", "accountId", "isBusy"}.
It connects as migrate does; list also works as the daemon's own role.`,
		Example: `  notifier routes list --database-url postgres://owner@127.0.0.1:5432/clinic
  notifier routes add CHECKIN appointments.checkin
  notifier routes add --doctors
  notifier routes remove CHECKIN`,
		Args: commandOnly,
		RunE: showHelp,
	}
	cmd.AddCommand(newRoutesList(), newRoutesAdd(), newRoutesRemove())
	return cmd
}

// routesSettings are those of the commands that change something; list waits for no lock.
type routesSettings struct {
	databaseSettings
	logSettings
	lockTimeout, lockWait time.Duration
	doctors, release      bool
	source                *settings
}

func (r *routesSettings) register(cmd *cobra.Command, doctors string) {
	r.source = newSettings(cmd)
	r.source.toggle(&r.doctors, "doctors", "false", doctors)
	r.source.list[0].withoutVariable() // an argument of this call
	r.databaseSettings.register(r.source, "the owner of the clinic's tables")
	r.source.duration(&r.lockTimeout, "lock-timeout", "200ms", "how long one try may wait for a lock on the doctors, in whole milliseconds",
		atLeast(time.Millisecond))
	r.source.duration(&r.lockWait, "lock-wait", "2m", "how long to try again while the table is locked", atLeast(time.Duration(0)))
	r.logSettings.register(r.source)
}

func (r *routesSettings) migrator(cmd *cobra.Command) (*sql.Migrator, error) {
	if err := r.source.load(); err != nil {
		return nil, err
	}
	return sql.New(sql.Config{
		URL: r.direct(), LockTimeout: r.lockTimeout, LockWait: r.lockWait, Logger: newLogger(r.level, r.format, cmd.ErrOrStderr()),
	})
}

func newRoutesList() *cobra.Command {
	var (
		database databaseSettings
		asJSON   bool
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Tells what raises which event",
		Example: `  notifier routes list --database-url postgres://notifier_runtime@127.0.0.1:5432/clinic
  notifier routes list --json`,
		Args: noArguments,
	}
	s := newSettings(cmd)
	s.toggle(&asJSON, "json", "false", "for programs")
	s.list[0].withoutVariable()
	database.register(s, "the owner of the clinic's tables, or notifier_runtime")
	s.fromEnvFile()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.load(); err != nil {
			return err
		}
		m, err := sql.New(sql.Config{URL: database.direct()})
		if err != nil {
			return err
		}
		routes, err := m.Routes(cmd.Context())
		if err != nil {
			return withRoutesHint(err)
		}
		if asJSON {
			out := json.NewEncoder(cmd.OutOrStdout())
			out.SetIndent("", "  ")
			return out.Encode(routes)
		}
		return printRoutes(cmd.OutOrStdout(), routes)
	}
	return cmd
}

func newRoutesAdd() *cobra.Command {
	var settings routesSettings
	cmd := &cobra.Command{
		Use:   "add STATUS EVENT | --doctors [EVENT]",
		Short: "Lets a status of an appointment, or a doctor's state, raise an event",
		Long: `add lets appointments that reach a status raise an event, with --release also ask for the
release of their doctor. With --doctors it makes a trigger on the doctors, so that each change
of their state raises an event (doctors.busy, unless named); for that moment the clinic's
writers of the doctors wait, never longer than --lock-timeout at a try.

A daemon of an earlier release cannot read doctors' events: upgrade all of them first.`,
		Example: `  notifier routes add CHECKIN appointments.checkin --database-url postgres://owner@127.0.0.1:5432/clinic
  notifier routes add FALTOU appointments.missed --release
  notifier routes add --doctors`,
	}
	settings.register(cmd, "a doctor's state, in place of an appointment's status")
	settings.source.toggle(&settings.release, "release", "false", "also release the doctor, under the usual rule")
	settings.source.list[len(settings.source.list)-1].withoutVariable()
	settings.source.fromEnvFile()
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		doctors, release := cmd.Flags().Lookup("doctors").Changed, cmd.Flags().Lookup("release").Changed
		if doctors && len(args) <= 1 && !release || !doctors && len(args) == 2 {
			return nil
		}
		return &usageError{"add takes a status and an event, or --doctors and no more than an event; see: " + cmd.CommandPath() + " --help"}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := settings.migrator(cmd)
		if err != nil {
			return err
		}
		if settings.doctors {
			event := sql.DoctorsEvent
			if len(args) == 1 {
				event = args[0]
			}
			if err := m.RouteDoctors(cmd.Context(), event); err != nil {
				return withRoutesHint(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "a change of a doctor's state raises %s\n", event)
			return err
		}
		route := sql.Route{Status: args[0], Event: args[1], ReleasesDoctor: settings.release}
		if err := m.AddRoute(cmd.Context(), route); err != nil {
			return withRoutesHint(err)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s raises %s%s\n", route.Status, route.Event, and(route.ReleasesDoctor, " and releases the doctor"))
		return err
	}
	return cmd
}

func newRoutesRemove() *cobra.Command {
	var settings routesSettings
	cmd := &cobra.Command{
		Use:   "remove STATUS | --doctors",
		Short: "Lets a status of an appointment, or a doctor's state, raise nothing any more",
		Example: `  notifier routes remove CHECKIN --database-url postgres://owner@127.0.0.1:5432/clinic
  notifier routes remove --doctors`,
	}
	settings.register(cmd, "a doctor's state, in place of an appointment's status")
	settings.source.fromEnvFile()
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if doctors := cmd.Flags().Lookup("doctors").Changed; doctors == (len(args) == 0) && len(args) <= 1 {
			return nil
		}
		return &usageError{"remove takes a status, or --doctors; see: " + cmd.CommandPath() + " --help"}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := settings.migrator(cmd)
		if err != nil {
			return err
		}
		if settings.doctors {
			event, err := m.UnrouteDoctors(cmd.Context())
			if err != nil {
				return withRoutesHint(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "a change of a doctor's state raises %s no more\n", event)
			return err
		}
		removed, err := m.RemoveRoute(cmd.Context(), args[0])
		if err != nil {
			return withRoutesHint(err)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s raises %s%s no more\n", removed.Status, removed.Event,
			and(removed.ReleasesDoctor, " and releases the doctor"))
		return err
	}
	return cmd
}

func and(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func printRoutes(w io.Writer, routes sql.Routes) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STATUS\tEVENT\tRELEASES THE DOCTOR")
	for _, r := range routes.Statuses {
		releases := and(r.ReleasesDoctor, "yes")
		switch {
		case r.Event == "":
			r.Event = "-"
		case !r.Known:
			releases += " (the clinic has no such status)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.Status, r.Event, releases)
	}
	fmt.Fprintln(table, "\nA DOCTOR'S STATE\tEVENT\tTRIGGER")
	if d := routes.Doctors; d != nil {
		fmt.Fprintf(table, "busy or free\t%s\ton %s, %s\n", d.Event, d.Table, d.State)
	} else {
		fmt.Fprintln(table, "busy or free\t-\t")
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, daemon := range routes.Unable {
		fmt.Fprintf(w, "\nA daemon of an earlier release cannot read doctors' events, and none is raised while it is here: %s\n", daemon)
	}
	return nil
}

// withRoutesHint adds to PostgreSQL's error what to do about it.
func withRoutesHint(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case "42501":
		return fmt.Errorf("%w\n  connect as the owner of the clinic's tables (--database-url), who installed notifier", err)
	case "25006":
		return fmt.Errorf("%w\n  this is a replica: connect to the primary", err)
	case "28P01":
		return fmt.Errorf("%w\n  check user and password of --database-url", err)
	}
	return err
}
