package inspect

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func want(t *testing.T, what string, got Finding, status Status, text string) {
	t.Helper()
	if got.Status != status || !strings.Contains(got.Text, text) {
		t.Errorf("%s: %s %q, want %s and %q", what, got.Status, got.Text, status, text)
	}
	if advised := len(got.Advice) > 0; advised != (status == Problem || status == Warning) {
		t.Errorf("%s: the advice of %s is %q", what, status, got.Advice)
	}
}

func TestVersionsThatAreTooOldAreAProblemAndUnknownOnesAWarning(t *testing.T) {
	for version, status := range map[int]Status{90600: Problem, 130022: Problem, 140000: OK, 150018: OK, 180001: OK, 190000: Warning} {
		want(t, "version", judgeVersion(server{Version: version, Name: "x.y"}), status, "PostgreSQL x.y")
	}
}

func TestClocks(t *testing.T) {
	const trip = 100 * time.Millisecond
	for _, x := range []struct {
		ahead  time.Duration
		status Status
		text   string
	}{
		{0, OK, "is the database's (measured to 50ms)"},
		{-40 * time.Millisecond, OK, "is the database's"},
		{-1500 * time.Millisecond, OK, "1.5s behind"},
		{3 * time.Second, Warning, "3s ahead of"},
		{-59 * time.Second, Warning, "59s behind"},
		{90 * time.Second, Problem, "too early or too late"},
		{-time.Hour, Problem, "1h0m0s behind"},
	} {
		want(t, x.ahead.String(), judgeClock(x.ahead, trip), x.status, x.text)
	}
}

func TestMigrationsThatArePendingOrUnknown(t *testing.T) {
	known := []string{"00001_a.sql", "00002_b.sql", "00003_c.sql"}
	want(t, "all", judgeVersions(known, []int64{1, 2, 3}), OK, "up to date")
	want(t, "one pending", judgeVersions(known, []int64{1, 3}), Problem, "not applied: 00002_b")
	want(t, "none", judgeVersions(known, nil), Problem, "00001_a, 00002_b, 00003_c")
	want(t, "newer", judgeVersions(known, []int64{1, 2, 3, 4}), Problem, "migration 00004, and this notifier knows up to 00003")
}

func TestTheQueueOfNotify(t *testing.T) {
	want(t, "empty", queue{}.judge(), OK, "0 % full")
	want(t, "a tenth", queue{Usage: 0.2, Open: "17, 18"}.judge(), Warning, "pid 17, 18")
	want(t, "a half", queue{Usage: 0.5}.judge(), Problem, "nobody rings")
}

func TestTransactionsThatArePrepared(t *testing.T) {
	want(t, "impossible", twoPhase{}.judge(true), OK, "prepares no transactions")
	want(t, "possible", twoPhase{Most: 10}.judge(true), Warning, "max_prepared_transactions is 10")
	want(t, "in another database", twoPhase{Most: 10, Open: 1}.judge(true), Warning, "max_prepared_transactions")
	want(t, "here", twoPhase{Most: 10, Open: 1, Here: 1}.judge(true), Problem, "PREPARE TRANSACTION gets an error")
	want(t, "without the bell", twoPhase{Most: 10, Open: 1, Here: 1}.judge(false), OK, "the bell is off")
	want(t, "forgotten", twoPhase{Most: 10, Open: 1, OldestSeconds: 7200, Oldest: "'x'"}.judge(false), Warning, "'x' has been prepared for 2h0m0s")
}

func TestConnectionsThatAreLeft(t *testing.T) {
	free := connections{Limit: 97, Used: 10, RoleLimit: -1, DatabaseLimit: -1, Role: "r", Database: "d"}
	want(t, "enough", free.judge(10, false), OK, "10 of 97")
	few := free
	few.Used = 90
	want(t, "the server's", few.judge(10, false), Warning, "the server has 7 of 97")
	want(t, "behind a pooler", few.judge(10, true), OK, "up to 2")
	few = free
	few.RoleLimit, few.RoleUsed = 5, 1
	want(t, "the role's", few.judge(10, false), Warning, "role r has 4 of 5")
}

func TestWhatASessionBehindAPoolerTakesFromItsRole(t *testing.T) {
	for _, x := range []struct {
		s        setting
		pooled   bool
		warnings int
	}{
		{setting{"default_transaction_isolation", "repeatable read", ""}, true, 1},
		{setting{"default_transaction_isolation", "repeatable read", ""}, false, 0}, // set by the session itself
		{setting{"enable_seqscan", "off", ""}, true, 0},
		{setting{"statement_timeout", "0", "ms"}, false, 0},
		{setting{"statement_timeout", "9999", "ms"}, false, 1},
		{setting{"lock_timeout", "200", "ms"}, false, 0},
		{setting{"idle_session_timeout", "5000", "ms"}, true, 1},
	} {
		var n notes
		x.s.judge(&n, x.pooled)
		if len(n.warnings) != x.warnings || len(n.advice) != x.warnings {
			t.Errorf("%+v, pooled %t: %q, want %d", x.s, x.pooled, n.warnings, x.warnings)
		}
	}
}

func TestStatusesWithoutAListAreNotMissed(t *testing.T) {
	names := map[string]string{"FINALIZADO": "done", "CANCELADO": "off", "EM_ATENDIMENTO": "in_room"}
	routed := []status{{Name: "done", ID: "done", Event: "x"}, {Name: "off", ID: "off", Event: "x"}}
	want(t, "a plain text", judgeStatuses(routed, names), OK, "done, off")
	listed := append(routed, status{Name: "booked", ID: "booked"})
	want(t, "a list without one", judgeStatuses(listed, names), Problem, "no status in_room")
}

func TestAQuestionThatIsNotAnsweredIsAFindingWithoutTheServersWords(t *testing.T) {
	refusal := func(code string) error { return &pgconn.PgError{Code: code, Message: "João Silva"} }
	raise := func(err error) func(context.Context) (Finding, error) {
		return func(context.Context) (Finding, error) { return Finding{}, err }
	}
	fine := func(context.Context) (Finding, error) { return Fine("fine"), nil }
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	first := func(code string, run func(context.Context) (Finding, error), needs ...string) []Check {
		return []Check{{Code: code, Run: run}, {Code: "x", Needs: needs, Run: raise(refusal("42501"))}}
	}
	for _, x := range []struct {
		name   string
		ctx    context.Context //nolint:containedctx // a row of a table
		checks []Check
		status Status
		text   string
	}{
		{"no right, which privileges has told", t.Context(), first(codePrivileges, raise(errStepTimeout)), Skipped, "see privileges"},
		{"no right, although privileges are fine", t.Context(), first(codePrivileges, fine), Problem, "42501"},
		{"a lock", t.Context(), []Check{{Code: "x", Run: raise(refusal("55P03"))}}, Warning, "holds a lock"},
		{"an error of the clinic's", t.Context(), []Check{{Code: "x", Run: raise(refusal("P0001"))}}, Problem, "SQLSTATE P0001"},
		{"a lost connection", t.Context(), []Check{{Code: "x", Run: raise(errors.New("unexpected EOF"))}}, Problem, "lost"},
		{"one that was lost before", t.Context(), []Check{{Code: "x", Run: raise(errClosed)}}, Skipped, "earlier"},
		{"what it needs is missing", t.Context(), first("w", raise(refusal("XX000")), "w"), Skipped, "because of w"},
		{"no time is left", ended, []Check{{Code: "x", Run: fine}}, Skipped, "no time"},
	} {
		found := Run(x.ctx, x.checks)
		last := found[len(found)-1]
		if last.Code != "x" || last.Status != x.status || !strings.Contains(last.Text, x.text) || strings.Contains(last.Text, "João") || last.Advice == nil {
			t.Errorf("%s: %+v, want %s and %q", x.name, last, x.status, x.text)
		}
	}
}

func TestEveryStatementSaysWhatItIsFor(t *testing.T) {
	files, err := fs.Glob(sources, "*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := sources.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(text), "-- ") || strings.Contains(string(text), ";\n") {
			t.Errorf("%s: one statement after a comment is wanted, %v", file, err)
		}
	}
}
