package e2e

import (
	"context"
	"strings"
	"testing"

	"notifier/cmd/notifier/leaktest"
	"notifier/sql/pgtest"
)

// e2ePassword stands in every daemon's database URL. The server trusts its socket and does not look at it, but a log that shows the URL shows it.
const e2ePassword = "e2e-password-77d0c2b15e94"

// withPassword puts it into a URL of pgtest.
func withPassword(url string) string { return strings.Replace(url, "@", ":"+e2ePassword+"@", 1) }

// noteSecrets says, when the test ends, what must not be in the log of a daemon on this database.
func noteSecrets(t testing.TB, db *pgtest.DB) {
	t.Cleanup(func() {
		for kind, value := range map[string]string{leaktest.Key: e2eSecret, leaktest.Password: e2ePassword} {
			if err := leaktest.Secret(kind, value); err != nil {
				t.Error(err)
			}
		}
		if err := leaktest.Patients(context.Background(), db.URL(pgtest.Superuser)); err != nil {
			t.Error(err)
		}
	})
}
