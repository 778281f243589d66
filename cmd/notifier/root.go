package main

import (
	"strings"
	"sync"

	"github.com/spf13/cobra"
)

// keepOrder sets what cobra keeps in a global variable.
var keepOrder = sync.OnceFunc(func() { cobra.EnableCommandSorting = false })

// newRootCommand builds the whole command line. Every command is a constructor, so that a test gets a fresh one.
func newRootCommand() *cobra.Command {
	keepOrder() // see newCommands
	root := &cobra.Command{
		Use:   "notifier",
		Short: "Tells every screen of a clinic at once that an appointment has ended",
		Long: `notifier watches the appointments of a clinic platform in PostgreSQL. When one becomes
FINALIZADO or CANCELADO, every screen of the same account hears of it within milliseconds
over a WebSocket and drops the row; when it becomes FINALIZADO the doctor is free again.

Settings come from a flag, then from the environment, then from the file of --env-file,
then from a default. The help of a flag names its variable; secrets can also be read from
a file (NOTIFIER_…_FILE).`,
		Example: `  # see it work, with a private PostgreSQL and a page to look at
  notifier demo

  # install it beside your tables, once, as their owner
  notifier migrate up --database-url postgres://owner@127.0.0.1:5432/clinic

  # run it; both secrets could as well lie in files
  export NOTIFIER_DATABASE_URL=postgres://notifier_runtime@127.0.0.1:5432/clinic
  export NOTIFIER_JWT_SECRET=change-me-to-something-long-and-random
  notifier check
  notifier serve

  # in another terminal, with the same NOTIFIER_JWT_SECRET: watch the events of account 1
  export NOTIFIER_TOKEN=$(notifier token --account 1)
  notifier tail --url ws://127.0.0.1:8080/ws`,
		Args:          commandOnly,
		RunE:          showHelp,
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			warnUnknownVariables(cmd)
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(wrapFlags(root.UsageTemplate()))
	root.AddCommand(newCommands()...)
	return root
}

// newCommands are in the order in which a newcomer needs them.
func newCommands() []*cobra.Command {
	return []*cobra.Command{
		newServeCommand(),
		newMigrateCommand(),
		newRoutesCommand(),
		newReconcileCommand(),
		newCheckCommand(),
		newDemoCommand(),
		newTokenCommand(),
		newTailCommand(),
		newConnsCommand(),
		newKickCommand(),
		newTraceCommand(),
		newSendTestCommand(),
		newBenchCommand(),
		newVersionCommand(),
	}
}

// wrapFlags breaks the help of flags at 100 columns; cobra's own template never breaks a line.
func wrapFlags(template string) string {
	return strings.ReplaceAll(template, "Flags.FlagUsages", "Flags.FlagUsagesWrapped 100")
}
