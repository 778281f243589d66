package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"notifier/sql"
)

const adviceRenamed = "see “Before you change a table that notifier reads” in sql/README.md: notifier's side is mended in the same transaction"

func quote(name string) string { return sql.Quoted(name) }

// findTables fills d.tables.
func (d *Database) findTables(ctx context.Context, n *notes) error {
	var keys, schemas, names []string
	for _, key := range slices.Sorted(maps.Keys(d.names.Tables)) {
		if schema, name := d.names.TableName(key); name != "" {
			keys, schemas, names = append(keys, key), append(schemas, schema), append(names, name)
		}
	}
	found, err := ask[struct {
		Key  string
		OID  int64
		Name string
	}](ctx, d, "clinic.sql", keys, schemas, names)
	if err != nil {
		return err
	}
	d.tables = map[string]table{}
	for _, t := range found {
		if t.OID == 0 {
			n.problem(fmt.Sprintf("the clinic's table %s (%s) is gone or was renamed: changes of a status fail or are not sent", d.names.Tables[t.Key], t.Key),
				adviceRenamed)
			continue
		}
		d.tables[t.Key] = table{oid: t.OID, name: t.Name}
	}
	return nil
}

func (d *Database) findColumns(ctx context.Context, n *notes) error {
	var tables, columns []string
	for _, key := range slices.Sorted(maps.Keys(d.names.Columns)) {
		owner, _, _ := strings.Cut(key, ".")
		if t, ok := d.tables[owner]; ok && d.names.Columns[key] != "" {
			tables, columns = append(tables, t.id()), append(columns, d.names.Columns[key])
		}
	}
	gone, err := ask[struct{ Table, Column string }](ctx, d, "clinic_columns.sql", tables, columns)
	for _, c := range gone {
		n.problem(fmt.Sprintf("column %s of %s is gone or was renamed: changes of a status fail or are not sent", quote(c.Column), c.Table), adviceRenamed)
	}
	return err
}

func (d *Database) compareTypes(ctx context.Context, n *notes) error {
	columns := []string{d.column("appointments.id"), d.column("appointments.account"), d.column("appointments.doctor")}
	differ, err := ask[struct{ Ours, OurType, Theirs, TheirType string }](ctx, d, "clinic_types.sql", d.tables["appointments"].id(), columns)
	for _, c := range differ {
		n.problem(fmt.Sprintf("column %s is %s by now, and the outbox has %s for it", quote(c.Theirs), c.TheirType, c.OurType),
			"when notifier.staging is empty: notifier migrate down --all, then notifier migrate up")
	}
	return err
}

func (d *Database) column(key string) string { return d.names.Columns[key] }

// id is the table's oid as the statements take it: PostgreSQL's own type for it is none of Go's.
func (t table) id() string { return strconv.FormatInt(t.oid, 10) }

func (d *Database) tableIDs() []string {
	all := make([]string, 0, len(d.tables))
	for _, key := range slices.Sorted(maps.Keys(d.tables)) {
		all = append(all, d.tables[key].id())
	}
	return all
}
