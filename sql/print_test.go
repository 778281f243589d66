package sql_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"notifier/sql"
	"notifier/sql/pgtest"
	"notifier/sql/postgres"
)

func TestPrintedSQLAppliedByPsqlIsWhatUpDoes(t *testing.T) {
	t.Parallel()
	byUp, byHand := pgtest.Clinic(t), pgtest.Clinic(t)
	before := dump(t, byHand)
	m, _ := migrator(t, byUp, sql.Config{})
	up(t, m)

	psql(t, byHand, printed(t, m, false))
	if want, got := dump(t, byUp), dump(t, byHand); got != want {
		t.Errorf("printed SQL made another schema:\n%s", difference(want, got))
	}
	const rows = `SELECT (SELECT json_agg(r ORDER BY r.status) FROM notifier.route AS r)::text
	                  || (SELECT json_agg(s) FROM notifier.setting AS s)::text
	                  || (SELECT json_agg(m.version_id ORDER BY m.version_id) FROM notifier.migration AS m)::text`
	if want, got := pgtest.Get[string](byUp, rows), pgtest.Get[string](byHand, rows); got != want {
		t.Errorf("printed SQL filled the tables with\n%s\nwant\n%s", got, want)
	}
	hand, _ := migrator(t, byHand, sql.Config{})
	status, err := hand.Status(context.Background())
	if err != nil || !status.Complete() {
		t.Errorf("status after the printed SQL: %+v, %v; want it complete", status, err)
	}
	equal(t, "up after the printed SQL", up(t, hand), nil)

	psql(t, byHand, printed(t, hand, true))
	if got := dump(t, byHand); got != before {
		t.Errorf("printed down left something behind:\n%s", difference(before, got))
	}
}

func TestNamesWithOddCharactersAreQuotedEverywhere(t *testing.T) {
	t.Parallel()
	const (
		table  = `Con"sul:tas; DROP TABLE x; -- ''%s{{.}}`
		column = `situa"ção'; SELECT :x \gexec -- $1`
		status = `fin'al\n"; --`
	)
	ddl := strings.ReplaceAll(strings.ReplaceAll(sql.Clinic,
		"TABLE appointments ", "TABLE "+quoted(table)+" "), `"statusId"`, quoted(column))
	ddl = strings.ReplaceAll(ddl, "'FINALIZADO'", "'"+strings.ReplaceAll(status, "'", "''")+"'")
	ddl = strings.ReplaceAll(strings.ReplaceAll(ddl, "ON appointments ", "ON "+quoted(table)+" "),
		"REFERENCES appointments ", "REFERENCES "+quoted(table)+" ")
	byUp, byHand := pgtest.Empty(t), pgtest.Empty(t)
	names := sql.Names{
		Tables:      map[string]string{"appointments": "public." + table},
		Columns:     map[string]string{"appointments.status": column},
		Statuses:    map[string]string{"FINALIZADO": status},
		OwnerRole:   `odd"owner; --`,
		RuntimeRole: `odd runtime'\`,
	}
	byUp.Exec(pgtest.Owner, ddl)
	byHand.Exec(pgtest.Owner, ddl)
	m, _ := migrator(t, byUp, sql.Config{Names: names})
	before := dump(t, byUp)
	up(t, m)
	psql(t, byHand, printed(t, m, false))
	if want, got := dump(t, byUp), dump(t, byHand); got != want {
		t.Errorf("printed SQL made another schema:\n%s", difference(want, got))
	}
	for _, db := range []*pgtest.DB{byUp, byHand} {
		db.Exec(pgtest.Owner, `INSERT INTO accounts (name) VALUES (''); INSERT INTO doctors ("accountId", name) VALUES (1, '');
			INSERT INTO patients ("accountId", name) VALUES (1, '');
			INSERT INTO `+quoted(table)+` (date, "startTime", "endTime", "accountId", "doctorId", "patientId", `+quoted(column)+`)
			VALUES (now(), '', '', 1, 1, 1, 5)`)
		if got := pgtest.Get[string](db, `SELECT string_agg(status, '') FROM notifier.staging`); got != status {
			t.Errorf("captured %q, want %q", got, status)
		}
	}
	psql(t, byHand, printed(t, m, true))
	down(t, m, true)
	for _, db := range []*pgtest.DB{byUp, byHand} {
		if got := dump(t, db); got != before {
			t.Errorf("down left something behind:\n%s", difference(before, got))
		}
	}
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func printed(t *testing.T, m *sql.Migrator, down bool) string {
	t.Helper()
	var text bytes.Buffer
	if err := m.Print(&text, down); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// psql applies SQL as a DBA would.
func psql(t *testing.T, db *pgtest.DB, text string) {
	t.Helper()
	cmd := tool(t, db, "psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--username", pgtest.Owner)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v: %s", err, out)
	}
}

// dump is the database's whole schema, with its owners and grants, as pg_dump writes it.
func dump(t *testing.T, db *pgtest.DB) string {
	t.Helper()
	out, err := tool(t, db, "pg_dump", "--schema-only", "--username", pgtest.Superuser).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	var text strings.Builder
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) { // a random key each time
			text.WriteString(line)
		}
	}
	return text.String()
}

func tool(t *testing.T, db *pgtest.DB, name string, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := postgres.BinDir()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(filepath.Join(dir, name), append(args, "--host", pgtest.Server(t).SocketDir(), db.Name)...)
}

// difference is the lines that only one of two texts has.
func difference(want, got string) string {
	only := func(a, b, mark string) string {
		has := map[string]bool{}
		for line := range strings.Lines(b) {
			has[line] = true
		}
		var text string
		for line := range strings.Lines(a) {
			if !has[line] {
				text += mark + line
			}
		}
		return text
	}
	return only(want, got, "- ") + only(got, want, "+ ")
}
