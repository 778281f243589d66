package notifier

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"notifier/sql/pgtest"
)

func TestWhoseFaultAnErrorIs(t *testing.T) {
	reported := func(severity, code string) error {
		return fmt.Errorf("load: %w", &pgconn.PgError{SeverityUnlocalized: severity, Code: code})
	}
	tests := []struct {
		name                   string
		err                    error
		statement, notMigrated bool
	}{
		{"division by zero", reported("ERROR", "22012"), true, false},
		{"raised", reported("ERROR", "P0001"), true, false},
		{"lock timeout", reported("ERROR", "55P03"), true, false},
		{"statement timeout", reported("ERROR", "57014"), true, false},
		{"broken page", reported("ERROR", "XX001"), true, false},
		{"undefined table", reported("ERROR", "42P01"), true, true},
		{"no privilege", reported("ERROR", "42501"), true, true},
		{"undefined function", reported("ERROR", "42883"), true, true},
		{"backend terminated", reported("FATAL", "57P01"), false, false},
		{"a role that was dropped", reported("FATAL", "28000"), false, true},
		{"another fatal error", reported("FATAL", "55000"), false, false},
		{"out of memory", reported("ERROR", "53200"), true, false},
		{"read-only", reported("ERROR", "25006"), false, false},
		{"serialization", reported("ERROR", "40001"), true, false},
		{"a foreign table's link", reported("ERROR", "08006"), true, false},
		{"a pooler's other session", reported("ERROR", "26000"), false, false},
		{"a pooler's session of before", reported("ERROR", "42P05"), false, false},
		{"no SQLSTATE", reported("ERROR", ""), false, false},
		{"link", errors.New("connection reset"), false, false},
		{"time", context.DeadlineExceeded, false, false},
		{"none", nil, false, false},
	}
	for _, test := range tests {
		if got := isStatementFault(test.err); got != test.statement {
			t.Errorf("%s: the statement's fault %v, want %v", test.name, got, test.statement)
		}
		if got := IsNotMigrated(test.err); got != test.notMigrated {
			t.Errorf("%s: not migrated %v, want %v", test.name, got, test.notMigrated)
		}
	}
	_, err := pgconn.Connect(context.Background(), "host=/nowhere connect_timeout=1")
	if err == nil || isStatementFault(err) {
		t.Errorf("a server that is not there: %v", err)
	}
}

func TestURLs(t *testing.T) {
	bad := []string{
		"postgres://u:" + dsnPassword + "@h:x/d", "postgres://u:" + dsnPassword + "@[::1/d", "postgres://u:" + dsnPassword + "%zz@h/d",
		"postgres://u:" + dsnPassword + "@h/d?pool_max_conns=many", "password=" + dsnPassword + " port=x", "password='" + dsnPassword,
	}
	for _, url := range bad {
		_, err := OpenPool(context.Background(), url)
		_, listenErr := NewListener(url, nil, NoMetrics{}, nil)
		for _, err := range []error{err, listenErr} {
			if err == nil || strings.Contains(err.Error(), "senha") {
				t.Errorf("%q: %v, want an error that repeats nothing of it", url, err)
			}
		}
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.super(`ALTER ROLE notifier_runtime IN DATABASE ` + c.db.Name + ` SET default_transaction_isolation = 'repeatable read';
		ALTER ROLE notifier_runtime IN DATABASE ` + c.db.Name + ` SET enable_seqscan = on`)
	tests := []struct{ query, wantDefault, wantNamed string }{
		{"SHOW default_transaction_isolation", "read committed", "read committed"},
		{"SHOW jit", "off", "off"},
		{"SHOW enable_seqscan", "off", "off"},
		{"SHOW application_name", "notifier serve", "mine"},
	}
	for named, suffix := range map[bool]string{false: "", true: "&application_name=mine&pool_max_conns=3"} {
		pool, err := OpenPool(context.Background(), c.db.URL(pgtest.Runtime)+suffix)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		for _, test := range tests {
			want := test.wantDefault
			if named {
				want = test.wantNamed
			}
			var got string
			if err := pool.QueryRow(context.Background(), test.query).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %q, %v, want %q", test.query, got, err, want)
			}
		}
	}
}

func TestNoErrorRepeatsWhatAViewRaised(t *testing.T) {
	raised := fmt.Errorf("load appointments: %w", &pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "53400", Message: "paciente João"})
	got := conceal(raised)
	if want := "load appointments: SQLSTATE 53400"; got.Error() != want || sqlState(got) != "53400" {
		t.Errorf("got %q with SQLSTATE %q, want %q", got, sqlState(got), want)
	}
	refused := &pgconn.PgError{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "28P01", Message: "password authentication failed"}
	if got := conceal(refused); got.Error() != refused.Error() {
		t.Errorf("got %q, want the server's own message", got)
	}
}

// Of several hosts the one that takes writes is wanted, whether the URL says so or not: a standby would be as good as
// another to pgx, and never be left.
func TestOfSeveralHostsTheOneThatTakesWritesIsChosen(t *testing.T) {
	for url, want := range map[string]bool{
		"postgres://u@a,b/d": true,
		"postgres://u@a,b/d?target_session_attrs=read-write": true,
		"postgres://u@a:1,a:2/d?sslmode=disable":             true,
		"postgres://u@a/d":                                   false, // two tries, with TLS and without, of one host
		"postgres://u@a/d?sslmode=disable":                   false,
	} {
		cfg, err := parseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.ConnConfig.ValidateConnect != nil; got != want {
			t.Errorf("%s: asks the server %v, want %v", url, got, want)
		}
	}
}

func TestAStandbyIsToldFromAServerThatIsAway(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.super(`ALTER ROLE notifier_runtime IN DATABASE ` + c.db.Name + ` SET default_transaction_read_only = on`)
	d := c.loader(t)
	_, _, err := pump(t.Context(), d.pool, 0, 0, &d.feed.commits, NoMetrics{})
	if got := newFeedError(err).(feedError).Code(); got != ReadOnly { //nolint:errorlint,forcetypeassert // what it is made of
		t.Errorf("%v: %s", err, got)
	}
}
