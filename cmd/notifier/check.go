package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"notifier/sql/inspect"
)

// checkTimeout bounds a check as a whole; each step has a bound of its own.
const checkTimeout = 30 * time.Second

var errCheckTimeout = fmt.Errorf("the check took longer than %s", checkTimeout)

// checkSettings are what serve knows the database and the tokens by.
type checkSettings struct {
	databaseSettings
	identitySettings
	token  string
	json   bool
	source *settings
}

func (c *checkSettings) register(cmd *cobra.Command) {
	c.source = newSettings(cmd)
	c.databaseSettings.register(c.source, "the runtime role, as serve has it")
	c.registerVerifying(c.source)
	c.source.needOneOf = nil // a DBA may have neither, and looks at the database all the same
	c.source.secret(&c.token, "token", "a token to judge: would it be accepted, and for which account", isToken)
	c.source.toggle(&c.json, "json", "false", "print JSON instead of a table")
	c.source.list[len(c.source.list)-1].withoutVariable()
	c.source.fromEnvFile()
}

func newCheckCommand() *cobra.Command {
	var c checkSettings
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Inspects an installation, and says what is wrong and how to mend it",
		Long: `check looks at the database, the way to it and the tokens with serve's own settings, as a
DBA would: what is migrated, permissions, triggers, functions, statuses, the view, indexes,
poolers, LISTEN, what waits, vacuum, clocks, keys. Each finding says what to do.

It changes nothing: it reads, in transactions that may only read, listens to a channel of
its own and notifies it once. The runtime role's rights are enough.

The exit status is 1 if there is a problem, 0 if there are warnings only, and 2 for a wrong
command line.`,
		Example: `  export NOTIFIER_DATABASE_URL=postgres://notifier_runtime@127.0.0.1:5432/clinic
  export NOTIFIER_JWT_SECRET_FILE=/etc/notifier/jwt-secret
  notifier check
  notifier check --json | jq -r '.checks[] | select(.status == "problem").code'

  # why is this client refused?
  NOTIFIER_TOKEN=… notifier check`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.source.load(); err != nil {
				return err
			}
			started := time.Now()
			found := c.inspect(cmd.Context())
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			report := newCheckReport(found, time.Since(started))
			if err := report.print(cmd.OutOrStdout(), c.json); err != nil {
				return err
			}
			return report.err()
		},
	}
	c.register(cmd)
	return cmd
}

// inspect asks everything; its connections are closed when it returns.
func (c *checkSettings) inspect(ctx context.Context) []inspect.Finding {
	ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout, errCheckTimeout)
	defer cancel()
	way := &databaseWay{settings: c.databaseSettings}
	defer way.close(ctx)
	checks := append(way.checks(), (&identityCheck{settings: c.identitySettings, token: c.token}).checks()...)
	return inspect.Run(ctx, checks)
}

// checkReport is what check prints; its JSON is a contract (deploy/README.md).
type checkReport struct {
	OK       bool              `json:"ok"` // no problem
	Problems int               `json:"problems"`
	Warnings int               `json:"warnings"`
	Skipped  int               `json:"skipped"`
	Version  string            `json:"version"`
	Seconds  float64           `json:"seconds"`
	Checks   []inspect.Finding `json:"checks"`
}

func newCheckReport(found []inspect.Finding, took time.Duration) checkReport {
	r := checkReport{Version: thisBuild().version, Seconds: took.Round(time.Millisecond).Seconds(), Checks: found}
	for _, f := range found {
		switch f.Status {
		case inspect.Problem:
			r.Problems++
		case inspect.Warning:
			r.Warnings++
		case inspect.Skipped:
			r.Skipped++
		case inspect.OK:
		}
	}
	r.OK = r.Problems == 0
	return r
}

// err makes the exit status.
func (r checkReport) err() error {
	switch r.Problems {
	case 0:
		return nil
	case 1:
		return errors.New("the installation has a problem")
	}
	return fmt.Errorf("the installation has %d problems", r.Problems)
}
