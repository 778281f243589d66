package main

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"notifier/sql"
	"notifier/sql/postgres"
)

// reconcileClinic is a migrated clinic of its own server, with twelve appointments that ended unseen.
func reconcileClinic(t *testing.T) (owner, runtime string) {
	t.Helper()
	server, err := postgres.Start(t.Context(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	execSQL(t, server.URL(postgres.Superuser, "postgres"), `CREATE ROLE clinic LOGIN CREATEROLE`)
	execSQL(t, server.URL(postgres.Superuser, "postgres"), `CREATE DATABASE clinic OWNER clinic`)
	owner = server.URL("clinic", "clinic")
	execSQL(t, owner, sql.Clinic)
	if status, _, stderr := runLine(t, "reconcile", "--since", "2h", "--database-url", owner); status != exitFailed || !strings.Contains(stderr, "migrate up") {
		t.Errorf("without notifier: status %d, %s", status, stderr)
	}
	if status, _, stderr := runLine(t, "migrate", "up", "--database-url", owner); status != exitOK {
		t.Fatal(stderr)
	}
	execSQL(t, server.URL(postgres.Superuser, "clinic"), `
		INSERT INTO accounts (name) VALUES ('x'); INSERT INTO doctors ("accountId", name) VALUES (1, 'x');
		INSERT INTO patients ("accountId", name) VALUES (1, 'João Silva');
		ALTER TABLE appointments DISABLE TRIGGER notifier_capture_insert;
		INSERT INTO appointments (date, "startTime", "endTime", notes, "accountId", "doctorId", "patientId", "statusId")
		SELECT now(), '09:00', '09:15', 'dor', 1, 1, 1, CASE WHEN i < 4 THEN 6 ELSE 5 END FROM generate_series(1, 12) AS i;
		INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId", "updatedAt")
		VALUES (now() - interval '2 days', '09:00', '09:15', 1, 1, 1, 5, now() - interval '1 hour')`)
	return owner, server.URL("notifier_runtime", "clinic")
}

func execSQL(t *testing.T, url, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_, err = conn.Exec(t.Context(), statements)
		_ = conn.Close(context.Background()) // the error that counts is the statement's
	}
	if err != nil {
		t.Fatalf("%.60s: %v", statements, err)
	}
}

func TestReconcileTellsWhatItFindsAndWhatHappensNext(t *testing.T) {
	owner, runtime := reconcileClinic(t)
	for _, x := range []struct {
		name   string
		args   []string
		status int
		want   []string
	}{
		{"dry run", []string{"--dry-run", "--database-url", owner}, exitOK, []string{
			"The log begins there", "1 that ended earlier", "CANCELADO   3", "FINALIZADO  9", "\n1            1        CANCELADO", "\n… and 2 more",
			"nothing was staged", "deliver these 12 and release the doctors of 9",
			"notifier_capture_insert of appointments is disabled", "ENABLE TRIGGER notifier_capture_insert",
		}},
		{"a role without the right", []string{"--database-url", runtime}, exitFailed, []string{"permission denied", "owner of the clinic's tables"}},
		{"for good", []string{"--database-url", owner}, exitOK, []string{"CANCELADO   3", "Staged 12", "release the doctors of 9"}},
		{"again", []string{"--database-url", owner}, exitOK, []string{"nothing to do"}},
		{"by date, beyond the log", []string{"--by", "date", "--beyond-log", "--database-url", owner}, exitOK, []string{
			"dated until today", "may have been delivered once already", "nothing to do",
		}},
	} {
		status, stdout, stderr := runLine(t, append([]string{"reconcile", "--since", "2h"}, x.args...)...)
		if status != x.status {
			t.Errorf("%s: status %d, want %d", x.name, status, x.status)
		}
		for _, want := range x.want {
			if !strings.Contains(stdout+stderr, want) {
				t.Errorf("%s: no %q in:\n%s%s", x.name, want, stdout, stderr)
			}
		}
		if strings.Contains(stdout+stderr, "João") || strings.Contains(stdout+stderr, "dor\n") {
			t.Errorf("%s: a patient's data is printed", x.name)
		}
	}
}

func TestReconcileNeedsASensibleSince(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--since", "-2h"}, {"--since", "0s"}, {"--since", "soon"}, {"--since", "2h", "--by", "luck"}, {"--since", "2h", "yesterday"},
	} {
		status, _, stderr := runLine(t, append([]string{"reconcile", "--database-url", "postgres://x@127.0.0.1:1/x"}, args...)...)
		if status != exitUsage || stderr == "" {
			t.Errorf("%v: status %d, %q; want usage", args, status, stderr)
		}
	}
	if status, _, stderr := runLine(t, "reconcile", "--since", "2h"); status != exitUsage || !strings.Contains(stderr, "--database-url") {
		t.Errorf("without a database: status %d, %q", status, stderr)
	}
}
