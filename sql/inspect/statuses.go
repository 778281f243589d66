package inspect

import (
	"context"
	"fmt"
	"strings"
)

type status struct {
	Name, ID, Event string // without an ID the clinic does not have it, without an Event no route does
	Releases        bool
}

// checkStatuses compares the clinic's statuses with the routes. The trigger looks a status up by its id at each change, so ids may
// be renumbered; what must not change unseen is what a status is called.
func (d *Database) checkStatuses(ctx context.Context) (Finding, error) {
	statuses, err := ask[status](ctx, d, "statuses.sql")
	if err != nil {
		return Finding{}, err
	}
	return judgeStatuses(statuses, d.names.Statuses), nil
}

func judgeStatuses(statuses []status, names map[string]string) Finding {
	known := make(map[string]status, len(statuses))
	var n notes
	var routes []string
	for _, s := range statuses {
		known[s.Name] = s
		if s.Event == "" {
			continue
		}
		routes = append(routes, s.Name)
		if s.ID == "" {
			n.problem(fmt.Sprintf("the route of %s leads nowhere: the clinic has no such status, so it raises nothing", s.Name),
				fmt.Sprintf("UPDATE notifier.route SET status = '…' WHERE status = %s;  -- what the clinic calls it now; or DELETE it", literal(s.Name)))
		}
	}
	if routes == nil {
		return Wrong("notifier.route is empty: nothing is captured",
			fmt.Sprintf("INSERT INTO notifier.route VALUES (%s, 'appointmnents.finished', true), (%s, 'appointmnents.finished', false);",
				literal(names["FINALIZADO"]), literal(names["CANCELADO"])), adviceReconcile)
	}
	for _, key := range []string{"FINALIZADO", "CANCELADO"} {
		if s := known[names[key]]; s.Event == "" && s.ID != "" {
			n.warning(fmt.Sprintf("%s has no route: screens are not told of it", s.Name),
				fmt.Sprintf("INSERT INTO notifier.route VALUES (%s, 'appointmnents.finished', %t);  -- unless it is meant so",
					literal(s.Name), key == "FINALIZADO"))
		}
	}
	if serving := names["EM_ATENDIMENTO"]; known[serving].ID == "" && hasList(statuses) {
		n.problem(fmt.Sprintf("the clinic has no status %s, by which the rule knows that a doctor is serving: doctors are released too early", serving),
			"CREATE OR REPLACE FUNCTION notifier.may_release …;  -- with what the clinic calls it now: notifier migrate print --status EM_ATENDIMENTO=…")
	}
	return n.finding("the routes (%s) name statuses that the clinic has", strings.Join(routes, ", "))
}

// hasList: where the status is a plain text, nobody knows which there are, and only the routes are told.
func hasList(statuses []status) bool {
	for _, s := range statuses {
		if s.Event == "" {
			return true
		}
	}
	return false
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
