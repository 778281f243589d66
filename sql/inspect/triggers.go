package inspect

import (
	"context"
	"fmt"
	"strings"
)

// What pg_trigger.tgtype says of an AFTER trigger for each row.
const (
	afterInsert = 1 | 4
	afterUpdate = 1 | 16
)

type trigger struct {
	Name, Table, Place, Enabled string
	Type                        int
	OfColumns                   bool
	When                        string
}

// fires: "O" is enabled, "A" always, "D" disabled, "R" in replication only.
func (t trigger) fires() bool { return t.Enabled == "O" || t.Enabled == "A" }

const adviceReconcile = "notifier reconcile --since … --dry-run   # then without --dry-run: what was missed meanwhile"

func (d *Database) checkTriggers(ctx context.Context) (Finding, error) {
	triggers, err := ask[trigger](ctx, d, "triggers.sql", d.tables["appointments"].id(), "capture")
	if err != nil {
		return Finding{}, err
	}
	bypassed, err := ask[struct{ Kind, Name string }](ctx, d, "triggers_bypassed.sql", d.tables["appointments"].id())
	if err != nil {
		return Finding{}, err
	}
	var n notes
	here := d.tables["appointments"].name
	status := d.column("appointments.status")
	d.judgeTrigger(&n, triggers, "notifier_capture_update", afterUpdate, changed(status), fmt.Sprintf(
		"CREATE TRIGGER notifier_capture_update AFTER UPDATE ON %s FOR EACH ROW WHEN (OLD.%[2]s IS DISTINCT FROM NEW.%[2]s) "+
			"EXECUTE FUNCTION notifier.capture();", here, quote(status)))
	d.judgeTrigger(&n, triggers, "notifier_capture_insert", afterInsert, "",
		fmt.Sprintf("CREATE TRIGGER notifier_capture_insert AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION notifier.capture();", here))
	for _, t := range triggers {
		if t.Place == "elsewhere" {
			n.problem(fmt.Sprintf("trigger %s is on %s, which is not the clinic's table of appointments", t.Name, t.Table),
				fmt.Sprintf("DROP TRIGGER %s ON %s;", t.Name, t.Table))
		}
	}
	for _, b := range bypassed {
		judgeBypass(&n, b.Kind, b.Name, here)
	}
	if n.advice != nil {
		f := n.finding("")
		f.Advice = append(f.Advice, adviceReconcile)
		return f, nil
	}
	return Fine("both triggers are on " + here + " and enabled"), nil
}

// changed is the WHEN of a trigger that fires when a column has another value, as triggers.sql writes it.
func changed(column string) string {
	return strings.NewReplacer(`"`, "", "(", "", ")", "").Replace(fmt.Sprintf("old.%[1]s IS DISTINCT FROM new.%[1]s", column))
}

// judgeTrigger asks for one that fires for this kind of change, whatever its name is, when it should.
func (d *Database) judgeTrigger(n *notes, triggers []trigger, name string, kind int, when, create string) {
	found := false
	for _, t := range triggers {
		if t.Type != kind || t.Place == "elsewhere" {
			continue
		}
		enable := fmt.Sprintf("ALTER TABLE %s ENABLE TRIGGER %s;", t.Table, t.Name)
		if t.Place == "here" {
			found = true
			if t.When != "" && t.When != when {
				n.problem(fmt.Sprintf("trigger %s fires for some changes only: WHEN %s", t.Name, t.When),
					fmt.Sprintf("DROP TRIGGER %s ON %s;  -- then: %s", t.Name, t.Table, create))
			}
			if t.OfColumns {
				n.problem(fmt.Sprintf("trigger %s fires for named columns only, and misses a status that a BEFORE trigger sets", t.Name),
					fmt.Sprintf("DROP TRIGGER %s ON %s;  -- then: %s", t.Name, t.Table, create))
			}
		}
		switch {
		case t.fires():
		case t.Enabled == "R":
			n.problem(fmt.Sprintf("trigger %s of %s fires in replication only (ENABLE REPLICA): changes are being missed", t.Name, t.Table), enable)
		default:
			n.problem(fmt.Sprintf("trigger %s of %s is disabled: changes are being missed", t.Name, t.Table), enable)
		}
	}
	if !found {
		n.problem(fmt.Sprintf("trigger %s of %s is not there: changes are being missed", name, d.tables["appointments"].name), create)
	}
}

// judgeBypass: who works beside the triggers may do so on purpose, and needs a reconcile afterwards.
func judgeBypass(n *notes, kind, name, appointments string) {
	switch kind {
	case "foreign":
		n.warning(fmt.Sprintf("a trigger that is not notifier's works on its tables (%s): if it raises or waits, no event goes out", name),
			fmt.Sprintf("DROP TRIGGER %s;", name))
	case "table":
		n.warning(fmt.Sprintf("table %s inherits from %s and has no trigger of ours: its rows are not seen", name, appointments),
			fmt.Sprintf("CREATE TRIGGER … ON %s …;  -- both, as on %s", name, appointments))
	case "role":
		n.warning(fmt.Sprintf("sessions of role %s fire no triggers (session_replication_role = replica): what it changes is not seen", name),
			fmt.Sprintf("ALTER ROLE %s RESET session_replication_role;", name))
	case "database":
		n.problem("no session of this database fires triggers (session_replication_role = replica): changes are being missed",
			fmt.Sprintf("ALTER DATABASE %s RESET session_replication_role;", name))
	default:
		n.problem("no session of this server fires triggers (session_replication_role = replica): changes are being missed",
			"ALTER SYSTEM RESET session_replication_role; SELECT pg_reload_conf();")
	}
}
