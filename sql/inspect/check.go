package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Status is how a check ended.
type Status string

// The four ends of a check. Only a problem means that something does not work, or works against what is promised.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Problem Status = "problem"
	Skipped Status = "skipped" // it could not be looked at, and Text says why
)

// stepTimeout bounds one check: those of the database take milliseconds, and each statement has a bound of its own below this.
const stepTimeout = 6 * time.Second

var (
	errStepTimeout = errors.New("no answer in time")
	errClosed      = errors.New("the connection was lost in an earlier check")
)

// Finding is what one check has to say.
type Finding struct {
	Code   string   `json:"code"` // stable
	Status Status   `json:"status"`
	Text   string   `json:"finding"` // one line
	Advice []string `json:"advice"`  // what to do, in this order: statements, commands, sentences; empty when nothing is to be done
}

// Check is one question.
type Check struct {
	Code  string
	Needs []string // codes that must have ended well enough (ok or warning) for this one to mean anything
	Run   func(ctx context.Context) (Finding, error)
}

// Run asks all questions in their order and gives one finding for each. It ends soon after ctx does.
func Run(ctx context.Context, checks []Check) []Finding {
	found := make([]Finding, 0, len(checks))
	ended := make(map[string]Status, len(checks))
	for _, check := range checks {
		f := check.ask(ctx, ended)
		f.Code = check.Code
		if f.Advice == nil {
			f.Advice = []string{}
		}
		ended[f.Code] = f.Status
		found = append(found, f)
	}
	return found
}

func (c Check) ask(ctx context.Context, ended map[string]Status) Finding {
	if i := slices.IndexFunc(c.Needs, func(need string) bool { return ended[need] == Problem || ended[need] == Skipped }); i >= 0 {
		return Finding{Status: Skipped, Text: "not looked at because of " + c.Needs[i]}
	}
	if ctx.Err() != nil {
		return Finding{Status: Skipped, Text: "no time was left"}
	}
	step, cancel := context.WithTimeoutCause(ctx, stepTimeout, errStepTimeout)
	defer cancel()
	f, err := c.Run(step)
	switch {
	case err == nil:
		return f
	case errors.Is(err, errClosed):
		return Finding{Status: Skipped, Text: errClosed.Error()}
	case sqlState(err) == "42501" && ended[codePrivileges] != OK && ended[codePrivileges] != Warning:
		return Finding{Status: Skipped, Text: "the role may not read what this needs: see " + codePrivileges}
	}
	return unanswered(step, err)
}

// unanswered is a question that the database did not answer.
func unanswered(ctx context.Context, err error) Finding {
	state := sqlState(err)
	switch {
	case state == "57014" || state == "55P03":
		return Warned("the question waited too long: somebody holds a lock on what it reads, or the server is overloaded",
			"SELECT pid, usename, state, query FROM pg_stat_activity WHERE wait_event_type = 'Lock' OR state = 'idle in transaction';")
	case state != "":
		return Wrong("the question raised SQLSTATE "+state, "run it by hand as this role: it is among sql/inspect/*.sql")
	case ctx.Err() != nil:
		return Wrong("the database did not answer in time", "look at the load of the server and at the way to it")
	}
	return Wrong("the connection was lost while this was asked", "look at the server's log")
}

// Fine is a finding that asks for nothing.
func Fine(text string) Finding { return Finding{Status: OK, Text: text} }

// Warned is a finding of something that works and could be better, or soon will not.
func Warned(text string, advice ...string) Finding {
	return Finding{Status: Warning, Text: text, Advice: advice}
}

// Wrong is a finding of something that does not work.
func Wrong(text string, advice ...string) Finding {
	return Finding{Status: Problem, Text: text, Advice: advice}
}

// notes gather what one check finds about several objects.
type notes struct {
	problems, warnings, advice []string
}

func (n *notes) problem(text string, advice ...string) {
	n.problems, n.advice = append(n.problems, text), append(n.advice, advice...)
}

func (n *notes) warning(text string, advice ...string) {
	n.warnings, n.advice = append(n.warnings, text), append(n.advice, advice...)
}

// finding is all of it in one, or fine.
func (n *notes) finding(fine string, arguments ...any) Finding {
	text := strings.Join(slices.Concat(n.problems, n.warnings), "; ")
	advice := n.advice
	slices.Sort(advice)
	advice = slices.Compact(advice)
	switch {
	case len(n.problems) > 0:
		return Wrong(text, advice...)
	case len(n.warnings) > 0:
		return Warned(text, advice...)
	}
	return Fine(fmt.Sprintf(fine, arguments...))
}

func sqlState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}
