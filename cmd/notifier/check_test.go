package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/inspect"
	"notifier/sql/pgbouncer"
	"notifier/sql/postgres"
)

// One server for all of these: they are its databases.
func TestCheck(t *testing.T) {
	i := newInstallations(t)
	renumbered := i.copyOf(t, `DELETE FROM appointments; UPDATE appointment_status SET id = id + 100`)
	unvacuumed := i.copyOf(t, `ALTER TABLE notifier.staging SET (autovacuum_enabled = off)`)
	unlisted := i.copyOf(t, staged)
	silent := i.copyOf(t, `UPDATE notifier.setting SET bell = false`)
	const lanes = 4
	var broken [lanes]string
	for n := range broken {
		broken[n] = i.copyOf(t, "")
	}
	durable(t, i.server)
	t.Run("a good installation has nothing to complain about", func(t *testing.T) { t.Parallel(); i.good(t, renumbered) })
	for n, part := range slices.Collect(slices.Chunk(breakages, (len(breakages)+lanes-1)/lanes)) {
		t.Run("one thing is wrong", func(t *testing.T) { t.Parallel(); i.broken(t, broken[n], part) })
	}
	t.Run("one thing about the whole database", func(t *testing.T) { t.Parallel(); i.otherwise(t, unlisted) })
	t.Run("one thing broken on the way to it", func(t *testing.T) { t.Parallel(); i.unreachable(t) })
	t.Run("one thing broken about tokens", func(t *testing.T) { t.Parallel(); i.tokens(t) })
	t.Run("a standby, and its promotion", func(t *testing.T) { t.Parallel(); i.standby(t, silent) })
	t.Run("a pooler", func(t *testing.T) { t.Parallel(); i.poolers(t) })
	t.Run("rows that vacuum cannot remove", func(t *testing.T) { t.Parallel(); i.vacuum(t, unvacuumed) })
}

// standby looks at a copy of the whole server, which can prepare transactions; the bell of this database is off.
func (i *installations) standby(t *testing.T, database string) {
	replica, err := i.server.Standby(t.Context(), postgres.Options{Settings: []string{"max_prepared_transactions = 2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := replica.Stop(); err != nil {
			t.Error(err)
		}
	})
	there := withTokens(t, replica.URL("notifier_runtime", database))
	c := check(t, there...)
	c.wantOnly(t, "recovery", inspect.Problem, "standby", "--database-url")
	if f := c.finding("listen"); f.Status != inspect.Skipped || !strings.Contains(f.Text, "recovery") {
		t.Errorf("listen on a standby: %+v, want it skipped, and why", f)
	}
	both := postgres.MultiURL("notifier_runtime", database, replica, i.server)
	check(t, withTokens(t, both)...).wantNothing(t)

	if err := replica.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	superuser := replica.URL(postgres.Superuser, database)
	check(t, there...).wantNothing(t)
	execSQL(t, superuser, `UPDATE notifier.setting SET bell = true`)
	check(t, there...).wantOnly(t, "two_phase", inspect.Warning, "max_prepared_transactions is 2", "--bell=off")

	execSQL(t, superuser, `BEGIN; CREATE TABLE of_a_prepared_transaction (); PREPARE TRANSACTION 'x'`)
	check(t, there...).wantOnly(t, "two_phase", inspect.Problem, "PREPARE TRANSACTION gets an error", "--bell=off")
	execSQL(t, superuser, `ROLLBACK PREPARED 'x'`)
}

func (i *installations) good(t *testing.T, renumbered string) {
	for _, database := range []string{"good", "agenda"} {
		runtime := map[string]string{"good": "notifier_runtime", "agenda": "agenda_daemon"}[database]
		c := check(t, withTokens(t, i.server.URL(runtime, database))...)
		c.wantNothing(t)
		if f := c.finding("token"); !strings.Contains(f.Text, "for account 17, until 2") {
			t.Errorf("the token: %q", f.Text)
		}
		status, table, _ := runLine(t, append([]string{"check"}, withTokens(t, i.server.URL(runtime, database))...)...)
		if status != exitOK || !strings.Contains(table, "\n0 problems, 0 warnings, 31 ok, 0 skipped (") {
			t.Errorf("status %d, the table:\n%s", status, table)
		}
	}
	// Without rows, and after statuses were renumbered, nothing is wrong either.
	check(t, withTokens(t, i.runtime(renumbered))...).wantNothing(t)
	// Where serve is started with neither secret nor JWKS, the database can be looked at all the same.
	c := check(t, "--database-url", i.runtime("good"))
	if c.status != exitOK || len(c.found()) > 0 || c.finding("jwt_secret").Status != inspect.Skipped {
		t.Errorf("without a secret: status %d, %v", c.status, c.found())
	}
}

// broken breaks a good database in one way after the other.
func (i *installations) broken(t *testing.T, database string, breakages []breakage) {
	superuser := i.server.URL(postgres.Superuser, database)
	run := func(t *testing.T, statement string) {
		t.Helper()
		url := superuser
		if strings.HasPrefix(statement, "ALTER DATABASE") {
			url = i.server.URL(postgres.Superuser, "postgres") // with its settings as they are, one may be unable to take them back
		}
		execSQL(t, url, strings.ReplaceAll(statement, "THIS", database))
	}
	for _, x := range breakages {
		good := t.Run(x.name, func(t *testing.T) {
			run(t, x.breaks)
			c := check(t, withTokens(t, i.runtime(database))...)
			c.wantOnly(t, x.code, x.status, x.says...)
			if x.mends != byAdvice {
				run(t, x.mends)
				return
			}
			for _, advice := range c.finding(x.code).Advice {
				if statement, _, _ := strings.Cut(advice, "  --"); strings.HasSuffix(statement, ";") {
					run(t, statement)
				}
			}
			check(t, withTokens(t, i.runtime(database))...).wantNothing(t)
		})
		if !good {
			return // what is still broken would be found in all others
		}
	}
}

func (i *installations) otherwise(t *testing.T, unlisted string) {
	t.Run("changes wait although a daemon runs, which is alone", func(t *testing.T) {
		t.Parallel()
		config, err := pgx.ParseConfig(i.runtime(unlisted))
		if err != nil {
			t.Fatal(err)
		}
		config.RuntimeParams["application_name"] = "notifier listener"
		listener, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close(t.Context())
		check(t, withTokens(t, i.runtime(unlisted))...).wantOnly(t, "backlog", inspect.Problem, "1 daemon", "readyz")
	})
	t.Run("it was not migrated", func(t *testing.T) {
		t.Parallel()
		check(t, withTokens(t, i.runtime("plain"))...).wantOnly(t, "schema", inspect.Problem, "not installed", "notifier migrate up")
	})
	t.Run("serve has the owner's URL", func(t *testing.T) {
		t.Parallel()
		check(t, withTokens(t, i.server.URL("clinic", "good"))...).wantOnly(t, "role", inspect.Warning, "owns the clinic's tables", "notifier_runtime")
	})
	t.Run("serve has a superuser's URL", func(t *testing.T) {
		t.Parallel()
		check(t, withTokens(t, i.server.URL(postgres.Superuser, "good"))...).wantOnly(t, "role", inspect.Warning, "superuser", "notifier_runtime")
	})
}

func (i *installations) unreachable(t *testing.T) {
	admin := i.server.URL(postgres.Superuser, "postgres")
	execSQL(t, admin, `CREATE ROLE guarded LOGIN PASSWORD 'another'; CREATE ROLE stranger LOGIN`)
	hba := filepath.Join(i.server.SocketDir(), "data", "pg_hba.conf")
	rules, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hba, append([]byte("local all guarded scram-sha-256\nlocal all stranger reject\n"), rules...), 0o600); err != nil {
		t.Fatal(err)
	}
	execSQL(t, admin, `SELECT pg_reload_conf()`)
	for _, x := range []struct {
		name, url string
		says      []string
	}{
		{"a wrong password", withPassword(t, i.server.URL("guarded", "good")), []string{"does not accept the password", `\password`}},
		{"a role that pg_hba.conf does not let in", i.server.URL("stranger", "good"), []string{"pg_hba.conf"}},
		{"a role that is not there", i.server.URL("nobody_here", "good"), []string{"no such role"}},
		{"a database that is not there", i.runtime("nowhere"), []string{"no database of this name"}},
		{"nobody listens", "postgres://notifier_runtime:" + checkPassword + "@127.0.0.1:1/clinic?sslmode=disable", []string{"nobody listens there"}},
		{"no socket", postgres.SocketURL("x", "y", t.TempDir()), []string{"no such socket"}},
		{"no TLS", "postgres://notifier_runtime:" + checkPassword + "@" + withoutTLS(t) + "/clinic?sslmode=require",
			[]string{"the server has none", "sslmode=disable"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := check(t, withTokens(t, x.url)...)
			c.wantOnly(t, "connect", inspect.Problem, x.says...)
			if f := c.finding("triggers"); f.Status != inspect.Skipped || !strings.Contains(f.Text, "connect") {
				t.Errorf("triggers: %+v, want it skipped, and why", f)
			}
		})
	}
	t.Run("the direct URL only", func(t *testing.T) {
		t.Parallel()
		check(t, withTokens(t, i.runtime("good"), "--direct-url", i.runtime("nowhere"))...).
			wantOnly(t, "direct_url", inspect.Problem, "--direct-url", "no database of this name")
	})
	t.Run("the direct URL leads to another database", func(t *testing.T) {
		t.Parallel()
		check(t, withTokens(t, i.runtime("good"), "--direct-url", i.runtime("plain"))...).wantOnly(t, "listen", inspect.Problem, "not heard", "the same server")
	})
}

// withoutTLS is the address of a server that has no TLS, and says so to everybody.
func withoutTLS(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 8)) // SSLRequest
			_, _ = conn.Write([]byte("N"))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	return listener.Addr().String()
}

func (i *installations) poolers(t *testing.T) {
	for _, x := range []struct {
		mode  string
		where string // direct: the other way round than it should be
		code  string
		says  []string
	}{
		{"transaction", "direct", "direct_url", []string{"transaction mode", "--direct-url"}},
		{"transaction", "both", "direct_url", []string{"no --direct-url is given", "transaction mode"}},
		{"transaction", "database", "", nil},
		{"session", "database", "", nil},
		{"session", "direct", "direct_url", []string{"session mode"}},
		{"statement", "direct", "direct_url", []string{"statement mode"}},
	} {
		t.Run(x.mode+" "+x.where, func(t *testing.T) {
			t.Parallel()
			bouncer, err := pgbouncer.Start(t.Context(), pgbouncer.Options{ServerDir: i.server.SocketDir(), PoolMode: x.mode})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := bouncer.Stop(); err != nil {
					t.Error(err)
				}
			})
			pooled, direct := bouncer.URL("notifier_runtime", "good"), i.runtime("good")
			args := map[string][]string{
				"direct": withTokens(t, direct, "--direct-url", pooled), "both": withTokens(t, pooled),
				"database": withTokens(t, pooled, "--direct-url", direct),
			}[x.where]
			c := check(t, args...)
			switch {
			case x.code == "":
				c.wantNothing(t)
				if f := c.finding("pooler"); !strings.Contains(f.Text, x.mode+" mode") {
					t.Errorf("the pooler: %q", f.Text)
				}
			case x.mode == "session":
				c.wantOnly(t, x.code, inspect.Warning, x.says...)
			default:
				c.wantOnly(t, x.code, inspect.Problem, x.says...)
			}
		})
	}
}

func (i *installations) tokens(t *testing.T) {
	database := i.runtime("good")
	t.Run("of a secret that is being replaced, by serve's own env file", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "notifier.env")
		lines := "NOTIFIER_DATABASE_URL=" + database + "\nNOTIFIER_JWT_SECRET=" + strings.Repeat("n", strongSecret) +
			"\nNOTIFIER_JWT_PREVIOUS_SECRET=" + checkSecret + "\n"
		if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		check(t, "--env-file", file, "--token", checkToken(t, checkSecret, time.Hour)).wantNothing(t)
	})
	for _, x := range []struct {
		name, code string
		status     inspect.Status
		args, says []string
	}{
		{"expired", "token", inspect.Problem, []string{"--token", checkToken(t, checkSecret, -time.Hour)}, []string{"token_expired", "get a new one"}},
		{"of another issuer", "token", inspect.Problem, []string{"--token", checkToken(t, "somebody else's secret", time.Hour)},
			[]string{"token_invalid", "another secret"}},
		{"without the audience", "token", inspect.Problem, []string{"--jwt-audience", "screens"}, []string{"--jwt-audience"}},
		{"without the account", "token", inspect.Problem, []string{"--jwt-account-claim", "clinic.id"}, []string{"--jwt-account-claim"}},
		{"no token at all", "token", inspect.Problem, []string{"--token", "x"}, []string{"three base64url parts"}},
		{"a short secret", "jwt_secret", inspect.Warning, []string{"--jwt-secret", "short", "--token", checkToken(t, "short", time.Hour)},
			[]string{"openssl rand"}},
		{"no JWKS", "jwks", inspect.Problem, []string{"--jwks-url", "https://user:" + checkPassword + "@127.0.0.1:1/jwks.json"},
			[]string{"no usable key", "curl"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			check(t, withTokens(t, database, x.args...)...).wantOnly(t, x.code, x.status, x.says...)
		})
	}
}

func (i *installations) vacuum(t *testing.T, database string) {
	url := i.runtime(database)
	check(t, withTokens(t, url)...).wantOnly(t, "vacuum", inspect.Warning, "autovacuum is off for notifier.staging", "RESET (autovacuum_enabled);")

	superuser := i.server.URL(postgres.Superuser, database)
	holder, err := pgx.Connect(t.Context(), superuser)
	if err == nil {
		_, err = holder.Exec(t.Context(), `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM notifier.head`)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close(context.WithoutCancel(t.Context())) }()
	execSQL(t, superuser, `INSERT INTO notifier.staging (appointment_id, account_id, doctor_id, status, event, releases_doctor)
		SELECT 1, 1, 1, 'x', 'x', false FROM generate_series(1, 12000)`)
	execSQL(t, superuser, `DELETE FROM notifier.staging`)
	// A session's statistics come when it has ended, which nobody is told of.
	for n := 0; n == 0; {
		looking, err := pgx.Connect(t.Context(), superuser)
		if err == nil {
			err = looking.QueryRow(t.Context(), `SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = 'notifier.staging'::regclass`).Scan(&n)
			_ = looking.Close(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := check(t, withTokens(t, url)...)
	c.wantOnly(t, "vacuum", inspect.Warning, "12000 dead rows", "VACUUM notifier.staging;", "pg_terminate_backend")
	if !strings.Contains(c.text, "snapshot of session") {
		t.Errorf("it does not say who holds the snapshot:\n%s", c.text)
	}
}

func TestCheckRefusesAWrongCommandLine(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--database-url", "x://y"},
		{"--database-url", "postgres://a@b/c", "now"},
		{"--database-url", "postgres://a@b/c", "--token", "a b"},
	} {
		if status, _, stderr := runLine(t, append([]string{"check"}, args...)...); status != exitUsage || stderr == "" {
			t.Errorf("%v: status %d, %q; want usage", args, status, stderr)
		}
	}
}

func TestCheckHasTheSameCodesInEveryOrder(t *testing.T) {
	want := []string{"connect", "pooler", "direct_url", "server_version", "recovery", "schema", "privileges", "clinic_tables", "role", "role_settings",
		"owner_role", "triggers", "doctors_trigger", "functions", "statuses", "view", "indexes", "view_plan", "backlog", "releases", "vacuum", "notify_queue",
		"two_phase", "connections", "durability", "clock", "view_row", "listen", "jwt_secret", "jwks"}
	_, text, _ := runLine(t, "check", "--database-url", "postgres://a@127.0.0.1:1/c?sslmode=disable")
	var codes []string
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && slices.Contains([]string{"ok", "warning", "problem", "skipped"}, fields[0]) {
			codes = append(codes, fields[1])
		}
	}
	if !slices.Equal(codes, want) {
		t.Errorf("the codes are\n%q, want\n%q", codes, want)
	}
}
