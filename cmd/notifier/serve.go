package main

import (
	"github.com/spf13/cobra"
)

func newServeCommand() *cobra.Command {
	var settings serveSettings
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "The daemon: from the database to every screen",
		Long: `serve reads the committed changes from PostgreSQL and sends them to every WebSocket of
their account. It needs a database that "notifier migrate up" has prepared, the runtime
role's connection string, and at least one way to verify tokens. A database that is away
or not migrated yet is waited for; /readyz on the admin address says what is missing.

Run as many as you like on one database. SIGTERM drains: sockets are closed over the time
of --drain, and clients come back to another daemon with their cursor.`,
		Example: `  export NOTIFIER_DATABASE_URL=postgres://notifier_runtime@127.0.0.1:5432/clinic
  export NOTIFIER_JWT_SECRET_FILE=/etc/notifier/jwt-secret
  notifier serve

  # tokens signed by an identity provider, pages on another origin
  notifier serve --jwks-url https://id.clinic.example/.well-known/jwks.json \
      --allowed-origins https://app.clinic.example`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.load(); err != nil {
				return err
			}
			log := newLogger(settings.level, settings.format, cmd.ErrOrStderr())
			d, err := newDaemon(cmd.Context(), settings, nil, log)
			if err != nil {
				return err
			}
			return d.run(cmd.Context())
		},
	}
	settings.register(cmd)
	return cmd
}
