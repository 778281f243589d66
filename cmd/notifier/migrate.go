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

func newMigrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Installs notifier beside the clinic's tables, or takes it back",
		Long: `migrate adds the schema "notifier", two roles and two triggers to the clinic's database.
It runs as the owner of the clinic's tables, with CREATEROLE or with roles that exist
already; it needs no superuser, and never waits longer than --lock-timeout at a try for a
lock on the appointments, so a busy clinic does not queue up behind it.

Names that differ from the platform's own schema are given with --table, --column and
--status at the first "up" and are remembered in the database.`,
		Example: `  notifier migrate up --database-url postgres://owner@127.0.0.1:5432/clinic
  notifier migrate status --database-url postgres://owner@127.0.0.1:5432/clinic
  notifier migrate print > notifier.sql        # for a DBA who applies it by hand
  notifier migrate up --table appointments=agenda.consulta --column appointments.status=situacao`,
		Args: commandOnly,
		RunE: showHelp,
	}
	cmd.AddCommand(newMigrateUp(), newMigrateDown(), newMigrateStatus(), newMigratePrint())
	return cmd
}

// migrateSettings are shared by the four commands; print does without a database.
type migrateSettings struct {
	databaseSettings
	logSettings
	tables, columns, statuses map[string]string
	ownerRole, runtimeRole    string
	bell                      string
	lockTimeout, lockWait     time.Duration

	source *settings
}

func (m *migrateSettings) register(cmd *cobra.Command, database bool) {
	m.source = newSettings(cmd)
	if database {
		m.databaseSettings.register(m.source, "the owner of the clinic's tables")
		m.source.duration(&m.lockWait, "lock-wait", "2m", "how long to try again while a table is locked", atLeast(time.Duration(0)))
		m.logSettings.register(m.source)
	}
	names := sql.DefaultNames()
	m.source.pairs(&m.tables, "table", slices.Sorted(maps.Keys(names.Tables)), "the clinic's name of a table, as schema.table or table")
	m.source.pairs(&m.columns, "column", slices.Sorted(maps.Keys(names.Columns)), "the clinic's name of a column")
	m.source.pairs(&m.statuses, "status", slices.Sorted(maps.Keys(names.Statuses)), "the clinic's name of a status")
	m.source.text(&m.ownerRole, "owner-role", "", "role that owns the schema and runs its functions; nobody logs in as it (default "+names.OwnerRole+")")
	m.source.text(&m.runtimeRole, "runtime-role", "", "role that serve logs in as (default "+names.RuntimeRole+")")
	m.source.choice(&m.bell, "bell", "", []string{"on", "off"},
		"whether the trigger raises NOTIFY; off for applications that use PREPARE TRANSACTION (default: as it is, on when new)")
	m.source.duration(&m.lockTimeout, "lock-timeout", "200ms", "how long one try may wait for a lock on a clinic's table, in whole milliseconds",
		atLeast(time.Millisecond))
	m.source.fromEnvFile()
}

// migrator makes of the settings what package sql takes.
func (m *migrateSettings) migrator(cmd *cobra.Command) (*sql.Migrator, error) {
	if err := m.source.load(); err != nil {
		return nil, err
	}
	cfg := sql.Config{
		URL: m.direct(),
		Names: sql.Names{
			Tables: m.tables, Columns: m.columns, Statuses: m.statuses, OwnerRole: m.ownerRole, RuntimeRole: m.runtimeRole,
		},
		LockTimeout: m.lockTimeout, LockWait: m.lockWait,
		Logger: newLogger(m.level, m.format, cmd.ErrOrStderr()),
	}
	if m.bell != "" {
		on := m.bell == "on"
		cfg.Bell = &on
	}
	return sql.New(cfg)
}

func newMigrateUp() *cobra.Command {
	var settings migrateSettings
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Applies what is not applied yet",
		Example: `  notifier migrate up --database-url postgres://owner@127.0.0.1:5432/clinic
  notifier migrate up --bell=off`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := settings.migrator(cmd)
			if err != nil {
				return err
			}
			done, err := m.Up(cmd.Context())
			report(cmd.OutOrStdout(), "applied", done)
			err = withHint(err)
			if err == nil && len(done) == 0 {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "nothing to apply: the database is up to date")
			}
			return err
		},
	}
	settings.register(cmd, true)
	return cmd
}

func newMigrateDown() *cobra.Command {
	var settings migrateSettings
	var all bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Takes back the last migration, or all of them",
		Long: `down takes back one version; with --all everything, until nothing of notifier is left in
the database. Events that clients have not been sent yet go with it.`,
		Example: `  notifier migrate down --all --database-url postgres://owner@127.0.0.1:5432/clinic`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := settings.migrator(cmd)
			if err != nil {
				return err
			}
			done, err := m.Down(cmd.Context(), all)
			report(cmd.OutOrStdout(), "took back", done)
			err = withHint(err)
			if err == nil && len(done) == 0 {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "nothing to take back: notifier is not installed here")
			}
			return err
		},
	}
	settings.register(cmd, true)
	cmd.Flags().BoolVar(&all, "all", false, "take back everything")
	return cmd
}

func newMigrateStatus() *cobra.Command {
	var settings migrateSettings
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Tells what is applied and whether the triggers are enabled",
		Example: `  notifier migrate status --database-url postgres://owner@127.0.0.1:5432/clinic`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := settings.migrator(cmd)
			if err != nil {
				return err
			}
			status, err := m.Status(cmd.Context())
			if err != nil {
				return withHint(err)
			}
			return printStatus(cmd.OutOrStdout(), status)
		},
	}
	settings.register(cmd, true)
	return cmd
}

func newMigratePrint() *cobra.Command {
	var settings migrateSettings
	var down bool
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Prints the exact SQL, bookkeeping included, for a DBA",
		Long: `print needs no database. The output is for psql, run as the owner of the clinic's tables;
afterwards "notifier migrate status" and "up" see it as applied.`,
		Example: `  notifier migrate print > notifier.sql
  psql --set ON_ERROR_STOP=1 --file notifier.sql postgres://owner@127.0.0.1:5432/clinic`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := settings.migrator(cmd)
			if err != nil {
				return err
			}
			return m.Print(cmd.OutOrStdout(), down)
		},
	}
	settings.register(cmd, false)
	cmd.Flags().BoolVar(&down, "down", false, "print how everything is taken back instead")
	return cmd
}

// withHint adds to PostgreSQL's error which setting to change.
func withHint(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	hints := map[string]string{
		"42501": "connect as the owner of the clinic's tables (--database-url), with CREATEROLE; " +
			"or let a DBA create both roles (--owner-role, --runtime-role) and grant the first to this user",
		"42P01": "the clinic's tables may have other names (--table), or lie in another database (--database-url)",
		"42703": "the clinic's columns may have other names (--column)",
		"3F000": "the clinic's tables may lie in another schema (--table KEY=schema.table)",
		"28P01": "check user and password of --database-url",
	}
	hint, ok := hints[pgErr.Code]
	if !ok {
		return err
	}
	return fmt.Errorf("%w\n  %s; see: notifier migrate --help", err, hint)
}

func report(w io.Writer, verb string, names []string) {
	for _, name := range names {
		fmt.Fprintln(w, verb, name)
	}
}

func printStatus(w io.Writer, status sql.Status) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MIGRATION\tAPPLIED")
	for _, m := range status.Migrations {
		at := "no"
		if !m.AppliedAt.IsZero() {
			at = m.AppliedAt.Format(time.DateTime)
		}
		fmt.Fprintf(table, "%s\t%s\n", m.Name, at)
	}
	fmt.Fprintln(table, "\nTRIGGER\tTABLE\tSTATE")
	for _, t := range status.Triggers {
		fmt.Fprintf(table, "%s\t%s\t%s\n", t.Name, t.Table, t.State)
	}
	if len(status.Triggers) == 0 {
		fmt.Fprintln(table, "none: no change is captured\t\t")
	}
	bell := "off: daemons find events by polling"
	switch {
	case len(status.Triggers) == 0:
		bell = "not installed"
	case status.Bell:
		bell = "on"
	}
	fmt.Fprintf(table, "\nBELL\t%s\n", bell)
	return table.Flush()
}
