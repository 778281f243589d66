package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"notifier/sql"
)

const (
	adviceMigrate = "notifier migrate up --database-url …   # as the owner of the clinic's tables"
	adviceSetting = "notifier migrate print   # with your names: it has the INSERT INTO notifier.setting"
)

type object struct {
	Kind, Name     string
	Exists, Usable bool
}

// checkSchema compares what is applied with what this programme knows, and looks for objects that were dropped by hand.
func (d *Database) checkSchema(ctx context.Context) (Finding, error) {
	there, err := askOne[struct{ There bool }](ctx, d, "migrations_there.sql")
	if err != nil {
		return Finding{}, err
	}
	if !there.There {
		return Wrong("notifier is not installed in this database", adviceMigrate, "or name the clinic's database in --database-url"), nil
	}
	applied, err := ask[struct{ Version int64 }](ctx, d, "migrations.sql")
	if err != nil {
		return Finding{}, err
	}
	known, err := sql.Migrations()
	if err != nil {
		return Finding{}, err
	}
	versions := make([]int64, len(applied))
	for i, m := range applied {
		versions[i] = m.Version
	}
	if f := judgeVersions(known, versions); f.Status != OK {
		return f, nil
	}
	objects, err := ask[object](ctx, d, "objects.sql")
	if err != nil {
		return Finding{}, err
	}
	var n notes
	for _, o := range objects {
		if !o.Exists {
			n.problem(fmt.Sprintf("%s %s was dropped", o.Kind, o.Name),
				"notifier migrate print   # has its CREATE: run that as a member of the owner role, with the GRANT that follows it")
		}
	}
	return n.finding("installed, up to date (%s)", strings.TrimSuffix(known[len(known)-1], ".sql")), nil
}

// judgeVersions tells which of the known migrations are not applied, and whether others are.
func judgeVersions(known []string, applied []int64) Finding {
	var pending []string
	last := int64(0)
	for _, name := range known {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			continue // a test holds that there is none such
		}
		last = max(last, version)
		if !slices.Contains(applied, version) {
			pending = append(pending, strings.TrimSuffix(name, ".sql"))
		}
	}
	if newest := slices.Max(append(applied, 0)); newest > last {
		return Wrong(fmt.Sprintf("the database has migration %05d, and this notifier knows up to %05d: it is older than the one that migrated", newest, last),
			"run the notifier that migrated this database, or a newer one",
			"to go back: notifier migrate down with that newer one, until migrate status of this one shows no more")
	}
	if pending != nil {
		return Wrong("not applied: "+strings.Join(pending, ", "), adviceMigrate)
	}
	return Fine("up to date")
}

// checkPrivileges asks the catalog, which tells everybody.
func (d *Database) checkPrivileges(ctx context.Context) (Finding, error) {
	objects, err := ask[object](ctx, d, "objects.sql")
	if err != nil {
		return Finding{}, err
	}
	role := quote(d.Conn.Config().User)
	var n notes
	for _, o := range objects {
		if !o.Exists || o.Usable {
			continue
		}
		switch o.Kind {
		case "schema":
			n.problem("the role may not use schema "+o.Name, "GRANT USAGE ON SCHEMA notifier TO "+role+";")
		case "function":
			n.problem("the role may not call "+o.Name, "GRANT EXECUTE ON FUNCTION "+o.Name+" TO "+role+";")
		default:
			n.problem("the role may not read "+o.Name, "GRANT SELECT ON "+o.Name+" TO "+role+";")
		}
	}
	if len(n.problems) > 3 {
		n.advice = append(n.advice, "or all of them at once: let serve log in as the role that migrate made (notifier_runtime, or --runtime-role)")
	}
	return n.finding("the role may do all that serve does"), nil
}

// checkClinic takes the names that the database was migrated with, and looks whether they still name what they did. It is what
// all checks of the clinic's tables stand on.
func (d *Database) checkClinic(ctx context.Context) (Finding, error) {
	stored, err := ask[struct {
		Names string
		Bell  bool
	}](ctx, d, "setting.sql")
	if err != nil {
		return Finding{}, err
	}
	if len(stored) != 1 {
		return Wrong(fmt.Sprintf("notifier.setting has %d rows instead of one: nobody rings, and the clinic's names are lost", len(stored)),
			adviceSetting), nil
	}
	d.bell = stored[0].Bell
	var names sql.Names
	if err := json.Unmarshal([]byte(stored[0].Names), &names); err != nil {
		return Wrong("notifier.setting holds names that cannot be read", adviceSetting), nil
	}
	d.names = sql.DefaultNames().Override(names)
	var n notes
	if err := d.findTables(ctx, &n); err != nil {
		return Finding{}, err
	}
	if err := d.findColumns(ctx, &n); err != nil {
		return Finding{}, err
	}
	if n.problems == nil {
		if err := d.compareTypes(ctx, &n); err != nil {
			return Finding{}, err
		}
	}
	return n.finding("the clinic's %d tables are there under the names that notifier knows", len(d.tables)), nil
}
