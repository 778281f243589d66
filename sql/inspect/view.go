package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

const adviceView = "notifier migrate print   # has the view as it was installed: CREATE OR REPLACE VIEW notifier.appointment_dto AS …"

// times are what a date or moment may be.
var times = []string{"timestamp without time zone", "timestamp with time zone", "date"}

// viewColumns are the columns that the daemon reads and what their types may be; nil: any, it is sent as text or JSON.
var viewColumns = []struct {
	name  string
	types []string
}{
	{"id", nil}, {"account_id", nil}, {"date", times}, {"start_time", nil}, {"end_time", nil}, {"notes", nil},
	{"created_at", times}, {"updated_at", times}, {"deleted_at", times}, {"doctor_id", nil}, {"doctor_name", nil},
	{"patient_id", nil}, {"patient_name", nil}, {"has_contact", []string{"boolean"}}, {"contact_phone", nil},
	{"status_id", nil}, {"status_name", nil}, {"status_color", nil}, {"procedures", []string{"json", "jsonb"}},
}

type viewColumn struct{ Name, Type, Base, IDType string }

func (d *Database) checkView(ctx context.Context) (Finding, error) {
	columns, err := ask[viewColumn](ctx, d, "view.sql")
	if err != nil {
		return Finding{}, err
	}
	return judgeView(columns), nil
}

func judgeView(columns []viewColumn) Finding {
	var n notes
	there := make(map[string]viewColumn, len(columns))
	for _, c := range columns {
		there[c.Name] = c
	}
	for _, wanted := range viewColumns {
		c, ok := there[wanted.name]
		switch {
		case !ok:
			n.problem("notifier.appointment_dto has no column "+wanted.name+": nothing can be loaded", adviceView)
		case wanted.types != nil && !slices.Contains(wanted.types, c.Base):
			n.problem(fmt.Sprintf("column %s of notifier.appointment_dto is %s, and has to be %s",
				c.Name, c.Type, strings.Join(wanted.types, " or ")), adviceView)
		case wanted.name == "id" && c.Type != c.IDType:
			n.problem(fmt.Sprintf("column id of notifier.appointment_dto is %s, and an appointment's id is %s: a cast around it makes "+
				"the daemon read all appointments for each event", c.Type, c.IDType), adviceView)
		}
	}
	return n.finding("notifier.appointment_dto has the %d columns that clients are sent", len(viewColumns))
}

// lookups are the columns by which the clinic's tables are read, beside the status rule of appointments.
var lookups = []string{
	"appointments.id", "appointments.doctor", "doctors.id", "patients.id", "contacts.patient", "procedures.id", "appointmentProcedures.appointment",
}

type index struct {
	Table, Columns string
	Partial        bool
	Invalid        string // the name of one that is there and cannot be used
}

func (d *Database) checkIndexes(ctx context.Context) (Finding, error) {
	var tables, columns []string
	for _, key := range lookups {
		owner, _, _ := strings.Cut(key, ".")
		if t, ok := d.tables[owner]; ok {
			tables, columns = append(tables, t.id()), append(columns, d.column(key))
		}
	}
	missing, err := ask[index](ctx, d, "indexes.sql", tables, columns)
	if err != nil {
		return Finding{}, err
	}
	d.lacksIndexes = len(missing) > 0
	var n notes
	for _, i := range missing {
		switch {
		case i.Invalid != "":
			n.warning(fmt.Sprintf("index %s of %s is not valid, so events get slower as the table grows", i.Invalid, i.Table),
				"REINDEX INDEX CONCURRENTLY "+i.Invalid+";")
		case i.Partial:
			n.warning(fmt.Sprintf("no index of %s is for the releases that wait", i.Table),
				fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s (%s) WHERE outcome IS NULL;", i.Table, i.Columns))
		default:
			n.warning(fmt.Sprintf("no index of %s begins with %s, by which notifier reads it: events get slower as the table grows", i.Table, i.Columns),
				fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s (%s);", i.Table, i.Columns))
		}
	}
	return n.finding("every column that notifier reads by has a valid index"), nil
}

// manyRows are enough for a walk along a whole index to be dearer than a look into it: below, a plan tells nothing.
const manyRows = 1000

// planNode is what EXPLAIN tells of a step, as far as it matters.
type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Cond     string     `json:"Index Cond"`
	Plans    []planNode `json:"Plans"`
}

// scanned are the tables that are read as a whole; the appointments also where that is by walking along an index (small tables
// may be, for a join).
func (p planNode) scanned(appointments string) []string {
	var tables []string
	if p.Type == "Seq Scan" || strings.HasPrefix(p.Type, "Index") && p.Cond == "" && p.Relation == appointments {
		tables = append(tables, p.Relation)
	}
	for _, below := range p.Plans {
		tables = append(tables, below.scanned(appointments)...)
	}
	return tables
}

// checkPlan finds what the columns' types do not tell: an expression around the id, a join without a way.
func (d *Database) checkPlan(ctx context.Context) (Finding, error) {
	if d.lacksIndexes {
		return Finding{Status: Skipped, Text: "not looked at because of " + codeIndexes}, nil
	}
	size, err := askOne[struct{ Rows int64 }](ctx, d, "size.sql", d.tables["appointments"].id())
	if err != nil {
		return Finding{}, err
	}
	if size.Rows < manyRows {
		return Fine("there are too few appointments for a plan to tell"), nil
	}
	plan, err := d.explain(ctx)
	if err != nil {
		return Finding{}, err
	}
	var n notes
	_, appointments := d.names.TableName("appointments")
	for _, relation := range plan.scanned(appointments) {
		for _, key := range []string{"appointments", "doctors", "patients", "contacts", "procedures", "appointmentProcedures"} {
			if _, name := d.names.TableName(key); name == relation && len(n.warnings) == 0 {
				n.warning(fmt.Sprintf("to load an appointment, the view reads all of %s: an expression around a column hides its index", d.tables[key].name),
					"EXPLAIN SELECT * FROM notifier.appointment_dto WHERE id = ANY ('{}');  -- with SET enable_seqscan = off", adviceView)
			}
		}
	}
	return n.finding("an appointment is loaded by indexes alone"), nil
}

func (d *Database) explain(ctx context.Context) (planNode, error) {
	var plans []struct{ Plan planNode }
	statement, err := sources.ReadFile("plan.sql")
	if err != nil {
		return planNode{}, err
	}
	options := pgx.TxOptions{BeginQuery: begin + "; SET LOCAL enable_seqscan = off; SET LOCAL jit = off"}
	err = pgx.BeginTxFunc(ctx, d.Conn, options, func(tx pgx.Tx) error {
		var text []byte
		if err := tx.QueryRow(ctx, string(statement)).Scan(&text); err != nil {
			return err
		}
		return json.Unmarshal(text, &plans)
	})
	if err != nil || len(plans) != 1 {
		return planNode{}, err
	}
	return plans[0].Plan, nil
}
