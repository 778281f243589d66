package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

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
of --drain, and clients come back to another daemon with their cursor. SIGHUP reads
--env-file and the files of secrets and certificates again, and drops no socket.`,
		Example: `  export NOTIFIER_DATABASE_URL=postgres://notifier_runtime@127.0.0.1:5432/clinic
  export NOTIFIER_JWT_SECRET_FILE=/etc/notifier/jwt-secret
  notifier serve

  # tokens signed by an identity provider, pages on another origin
  notifier serve --jwks-url https://id.clinic.example/.well-known/jwks.json \
      --allowed-origins https://app.clinic.example`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangup := make(chan os.Signal, 1)
			signal.Notify(hangup, syscall.SIGHUP) // from here on, and to the end of the drain, it does not kill
			defer signal.Stop(hangup)
			if err := settings.load(); err != nil {
				return err
			}
			return serve(cmd.Context(), &settings, hangup, cmd.ErrOrStderr())
		},
	}
	settings.register(cmd)
	return cmd
}

// serve runs the daemon until ctx ends, and reloads at each hangup.
func serve(ctx context.Context, settings *serveSettings, hangup <-chan os.Signal, stderr io.Writer) error {
	level := new(slog.LevelVar)
	level.Set(settings.level)
	d, err := newDaemon(ctx, *settings, nil, newLogger(level, settings.format, stderr))
	if err != nil {
		return err
	}
	reloading, stop := context.WithCancel(ctx)
	watched, unwatch := context.WithCancel(context.WithoutCancel(ctx)) // until the drain has ended, too
	var beside sync.WaitGroup
	beside.Go(func() { newReloader(d, settings, level).run(reloading, hangup) })
	service := newSystemd(os.Getenv, d.log)
	beside.Go(func() { service.watch(watched, d.live) })
	beside.Go(func() {
		<-reloading.Done()
		service.tell(context.WithoutCancel(ctx), "STOPPING=1")
	})
	defer beside.Wait()
	defer stop()
	defer unwatch()
	service.tell(watched, "READY=1") // both addresses are open; whether the database is there, /readyz says
	return d.run(ctx)
}
