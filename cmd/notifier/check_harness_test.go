package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/auth"
	"notifier/sql"
	"notifier/sql/inspect"
	"notifier/sql/pgtest"
	"notifier/sql/postgres"
)

// What must never be printed.
const (
	checkSecret   = "the secret of an installation that is checked"
	checkPatient  = "Maria das Dores"
	checkPhone    = "(81) 98888-7777"
	checkPassword = "guessed-wrong-and-never-printed"
)

// installations are databases of one server of which, once it is durable, nothing bad can be said.
type installations struct {
	server *postgres.Server
	count  int
}

func newInstallations(t *testing.T) *installations {
	t.Helper()
	server, err := postgres.Start(t.Context(), postgres.Options{Settings: []string{"max_prepared_transactions = 0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	i := &installations{server: server}
	admin := server.URL(postgres.Superuser, "postgres")
	execSQL(t, admin, `CREATE ROLE clinic LOGIN CREATEROLE; CREATE ROLE clinic_app LOGIN`)
	for _, database := range []string{"plain", "good", "agenda"} {
		execSQL(t, admin, "CREATE DATABASE "+database+" OWNER clinic")
	}
	execSQL(t, server.URL("clinic", "plain"), sql.Clinic)
	i.migrate(t, "good", sql.Clinic, sql.Names{})
	i.migrate(t, "agenda", pgtest.AgendaSchema, pgtest.AgendaNames())
	execSQL(t, server.URL("clinic", "good"), `
		INSERT INTO accounts (name) VALUES ('x'); INSERT INTO doctors ("accountId", name) VALUES (1, 'x');
		INSERT INTO patients ("accountId", name) VALUES (1, '`+checkPatient+`');
		INSERT INTO contacts ("patientId", phone) VALUES (1, '`+checkPhone+`');
		INSERT INTO appointments (date, "startTime", "endTime", notes, "accountId", "doctorId", "patientId", "statusId")
		SELECT now(), '09:00', '09:15', 'dor', 1, 1, 1, 1 FROM generate_series(1, 2000);
		ANALYZE`)
	return i
}

func (i *installations) migrate(t *testing.T, database, schema string, names sql.Names) {
	t.Helper()
	owner := i.server.URL("clinic", database)
	execSQL(t, owner, schema)
	m, err := sql.New(sql.Config{URL: owner, Names: names})
	if err == nil {
		_, err = m.Up(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// copyOf is a good database of its own, broken by statements of the superuser.
func (i *installations) copyOf(t *testing.T, breaks string) string {
	t.Helper()
	i.count++
	name := fmt.Sprintf("copy_%d", i.count)
	execSQL(t, i.server.URL(postgres.Superuser, "postgres"), "CREATE DATABASE "+name+" TEMPLATE good OWNER clinic")
	if breaks != "" {
		execSQL(t, i.server.URL(postgres.Superuser, name), strings.ReplaceAll(breaks, "THIS", name))
	}
	return name
}

// durable makes commits survive a crash, as they should. Making databases takes several times as long from then on.
func durable(t *testing.T, server *postgres.Server) {
	t.Helper()
	admin := server.URL(postgres.Superuser, "postgres")
	for _, statement := range []string{`ALTER SYSTEM SET fsync = on`, `ALTER SYSTEM SET full_page_writes = on`, `SELECT pg_reload_conf()`} {
		execSQL(t, admin, statement)
	}
	for on := false; !on; { // the postmaster tells nobody when it has read it
		conn, err := pgx.Connect(t.Context(), admin)
		if err == nil {
			err = conn.QueryRow(t.Context(), `SELECT current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'`).Scan(&on)
			_ = conn.Close(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// runtime is the URL of the daemon's role.
func (i *installations) runtime(database string) string {
	return i.server.URL("notifier_runtime", database)
}

// checked is what a check of an installation said.
type checked struct {
	status int
	report checkReport
	text   string // everything that was printed, by both forms
}

// check runs it, and looks for secrets in both forms of what it says.
func check(t *testing.T, args ...string) checked {
	t.Helper()
	status, text, notes := runLine(t, append([]string{"check", "--json"}, args...)...)
	c := checked{status: status}
	if err := json.Unmarshal([]byte(text), &c.report); err != nil {
		t.Fatalf("%v in:\n%s%s", err, text, notes)
	}
	table := c.report.table(false)
	c.text = table + notes + text
	if want := map[bool]int{true: exitOK, false: exitFailed}[c.report.OK]; status != want {
		t.Errorf("status %d, want %d with %d problems", status, want, c.report.Problems)
	}
	for _, secret := range []string{checkSecret, checkPatient, checkPhone, checkPassword, "eyJ"} {
		if strings.Contains(c.text, secret) {
			t.Errorf("%q is printed:\n%s", secret, c.text)
		}
	}
	for line := range strings.Lines(table) {
		if runes := []rune(strings.TrimRight(line, "\n")); len(runes) > checkWidth && strings.Contains(strings.TrimSpace(string(runes)[11:]), " ") {
			t.Errorf("a line of %d columns: %s", len(runes), line)
		}
	}
	return c
}

// found are the checks that found something.
func (c checked) found() map[string]inspect.Status {
	found := map[string]inspect.Status{}
	for _, f := range c.report.Checks {
		if f.Status == inspect.Problem || f.Status == inspect.Warning {
			found[f.Code] = f.Status
		}
	}
	return found
}

func (c checked) finding(code string) inspect.Finding {
	for _, f := range c.report.Checks {
		if f.Code == code {
			return f
		}
	}
	return inspect.Finding{}
}

// wantOnly fails the test unless this one thing was found, and what to do about it said.
func (c checked) wantOnly(t *testing.T, code string, status inspect.Status, says ...string) {
	t.Helper()
	if found := c.found(); !maps.Equal(found, map[string]inspect.Status{code: status}) {
		t.Fatalf("found %v, want %s in %s only:\n%s", found, status, code, c.text)
	}
	f := c.finding(code)
	if len(f.Advice) == 0 {
		t.Errorf("%s: nothing is said about what to do", code)
	}
	for _, want := range says {
		if !strings.Contains(f.Text+"\n"+strings.Join(f.Advice, "\n"), want) {
			t.Errorf("%s: no %q in %q, %q", code, want, f.Text, f.Advice)
		}
	}
}

// wantNothing fails the test unless all is well.
func (c checked) wantNothing(t *testing.T) {
	t.Helper()
	if c.report.OK && c.report.Warnings == 0 && c.report.Skipped == 0 && c.status == exitOK {
		return
	}
	t.Errorf("status %d, want a good installation:\n%s", c.status, c.text)
}

// withTokens are the arguments of an installation that judges tokens by the secret.
func withTokens(t *testing.T, databaseURL string, more ...string) []string {
	t.Helper()
	return append([]string{"--database-url", databaseURL, "--jwt-secret", checkSecret, "--token", checkToken(t, checkSecret, time.Hour)}, more...)
}

func checkToken(t *testing.T, secret string, ttl time.Duration) string {
	t.Helper()
	token, err := auth.Sign([]byte(secret), auth.Claims{Account: "17", TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// withPassword puts one into a URL.
func withPassword(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), checkPassword)
	return u.String()
}
