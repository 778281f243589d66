package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"notifier/sql"
)

// checkDoctors looks at the optional trigger on the doctors, and at daemons to which its events would be a trap.
func (d *Database) checkDoctors(ctx context.Context) (Finding, error) {
	triggers, err := ask[trigger](ctx, d, "triggers.sql", d.tables["doctors"].id(), "capture_doctor")
	if err != nil {
		return Finding{}, err
	}
	if len(triggers) == 0 {
		return Fine("a doctor's state raises nothing; notifier routes add --doctors would let it"), nil
	}
	var n notes
	here, busy := d.tables["doctors"].name, d.column("doctors.busy")
	again := "notifier routes remove --doctors, then notifier routes add --doctors   # as the owner of the clinic's tables"
	if slices.ContainsFunc(triggers, func(t trigger) bool { return t.Place == "here" && t.Type == afterUpdate }) {
		d.judgeTrigger(&n, triggers, "notifier_capture_doctor", afterUpdate, changed(busy), fmt.Sprintf(
			"CREATE TRIGGER notifier_capture_doctor AFTER UPDATE ON %s FOR EACH ROW WHEN (OLD.%[2]s IS DISTINCT FROM NEW.%[2]s) "+
				"EXECUTE FUNCTION notifier.capture_doctor();", here, quote(busy)))
	}
	for _, t := range triggers {
		if t.Place == "elsewhere" || t.Type != afterUpdate {
			n.problem(fmt.Sprintf("trigger %s on %s is not AFTER UPDATE of each of the clinic's doctors", t.Name, t.Table),
				fmt.Sprintf("DROP TRIGGER %s ON %s;", t.Name, t.Table))
		}
	}
	events, err := ask[struct{ Name string }](ctx, d, "doctors_event.sql")
	if err != nil {
		return Finding{}, err
	}
	for _, event := range events {
		if event.Name != "" && sql.ValidateEvent(event.Name) != nil {
			n.problem("the doctors' trigger raises an event whose name screens cannot be sent", again)
		}
	}
	if len(events) > 1 {
		n.warning("the doctors have more than one trigger of notifier's: each change is sent as often", again)
	}
	return d.checkUnable(ctx, &n, here)
}

func (d *Database) checkUnable(ctx context.Context, n *notes, here string) (Finding, error) {
	unable, err := ask[struct{ Daemon string }](ctx, d, "unable.sql")
	if err != nil {
		return Finding{}, err
	}
	daemons := make([]string, len(unable))
	for i, u := range unable {
		daemons[i] = u.Daemon
	}
	if len(daemons) > 0 {
		n.problem("a daemon of an earlier release is here, which stands still before a doctor's event; none is raised while it is listed: "+
			strings.Join(daemons, "; "), "upgrade that daemon; or, for as long as it stays, notifier routes remove --doctors")
	}
	return n.finding("a doctor's state raises its event, by the trigger on %s", here), nil
}
