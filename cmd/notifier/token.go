package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"notifier/auth"
)

// tokenSettings are the claims of one development token and how it is signed.
type tokenSettings struct {
	identitySettings
	account string
	subject string
	ttl     time.Duration
	source  *settings
}

func (t *tokenSettings) register(cmd *cobra.Command) {
	t.source = newSettings(cmd)
	t.source.text(&t.account, "account", "", "account whose events the token opens; signed as a number if it is one").
		withoutVariable().example = "--account 1"
	t.source.text(&t.subject, "subject", "", "user of the token (sub), a label in logs").withoutVariable()
	t.source.duration(&t.ttl, "ttl", "1h", "how long the token is good for", atLeast(time.Second)).withoutVariable()
	t.registerSigning(t.source)
	t.source.fromEnvFile()
}

func (t *tokenSettings) sign() (string, error) {
	return auth.Sign([]byte(t.jwtSecret), auth.Claims{
		Account:      t.account,
		Subject:      t.subject,
		TTL:          t.ttl,
		Issuer:       t.jwtIssuer,
		Audience:     t.jwtAudience,
		AccountClaim: t.jwtAccountClaim,
	})
}

func newTokenCommand() *cobra.Command {
	var t tokenSettings
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Sign a token for development",
		Long: `token signs a JSON Web Token with the daemon's own shared secret (HS256) and prints it, and
nothing else, on stdout. It is for trying things out and for tests: in production your
application signs tokens, or an identity provider whose keys the daemon reads by --jwks-url.`,
		Example: `  export NOTIFIER_JWT_SECRET=change-me-to-something-long-and-random
  TOKEN=$(notifier token --account 1)
  notifier token --account 1 --subject 7 --ttl 8h

  # where the account is nested: {"user": {"account": 1}}
  notifier token --account 1 --jwt-account-claim user.account`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.source.load(); err != nil {
				return err
			}
			token, err := t.sign()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	t.register(cmd)
	return cmd
}
