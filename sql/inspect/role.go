package inspect

import (
	"context"
	"slices"
	"strings"
)

type role struct {
	Name                                                   string
	Superuser, CreateRole, CreateDB, BypassRLS, Replicates bool
	OwnsOurs, OwnsTables                                   bool
	Writes                                                 string // the clinic's tables, named
}

// checkRole looks for rights that a stolen connection string would give away. serve works with them, so they are warnings.
func (d *Database) checkRole(ctx context.Context) (Finding, error) {
	r, err := askOne[role](ctx, d, "role.sql", d.tableIDs(), d.tables["appointments"].id(), d.names.OwnerRole)
	if err != nil {
		return Finding{}, err
	}
	advice := "let serve log in as " + quote(d.names.RuntimeRole) + ", which migrate has made for it: --database-url postgres://" +
		d.names.RuntimeRole + "@…"
	switch {
	case r.Superuser:
		return Warned("role "+r.Name+" is a superuser: serve needs none, and whoever takes its connection string has the whole server", advice), nil
	case r.OwnsTables:
		return Warned("role "+r.Name+" owns the clinic's tables: serve needs no right on them, and should not have it", advice), nil
	case r.OwnsOurs:
		return Warned("role "+r.Name+" is a member of "+d.names.OwnerRole+", who owns notifier's schema: serve needs no right to change it", advice), nil
	case r.Writes != "":
		return Warned("role "+r.Name+" may write the clinic's "+r.Writes+": serve does not need that",
			"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON "+r.Writes+" FROM "+quote(r.Name)+";  -- or from the role or PUBLIC that it has this from"), nil
	}
	var more []string
	for name, has := range map[string]bool{"CREATEROLE": r.CreateRole, "CREATEDB": r.CreateDB, "BYPASSRLS": r.BypassRLS, "REPLICATION": r.Replicates} {
		if has {
			more = append(more, name)
		}
	}
	if more != nil {
		slices.Sort(more)
		return Warned("role "+r.Name+" has "+strings.Join(more, ", ")+", which serve does not need",
			"ALTER ROLE "+quote(r.Name)+" NO"+strings.Join(more, " NO")+";"), nil
	}
	return Fine("role " + r.Name + " may do nothing beyond that"), nil
}

type owner struct {
	LogsIn              bool
	Unread, Unused      string // tables and schemas, separated by commas
	WritesBusy          bool
	HiddenBySecurityRow string
}

// checkOwner asks what the functions can do, which run with the rights of the owner role.
func (d *Database) checkOwner(ctx context.Context) (Finding, error) {
	rows, err := ask[owner](ctx, d, "owner.sql", d.names.OwnerRole, d.tableIDs(), d.tables["doctors"].id(), d.column("doctors.busy"))
	if err != nil {
		return Finding{}, err
	}
	name := quote(d.names.OwnerRole)
	if len(rows) == 0 {
		return Wrong("there is no role "+d.names.OwnerRole+", whose rights notifier's functions need", adviceMigrate), nil
	}
	o := rows[0]
	var n notes
	if o.Unused != "" {
		n.problem("role "+d.names.OwnerRole+" may not use schema "+o.Unused+": the clinic's changes of a status fail",
			"GRANT USAGE ON SCHEMA "+o.Unused+" TO "+name+";")
	}
	if o.Unread != "" {
		tables := strings.ReplaceAll(o.Unread, ",", ", ")
		n.problem("role "+d.names.OwnerRole+" may not read "+tables+": changes of a status fail, or are sent without data",
			"GRANT SELECT ON "+tables+" TO "+name+";")
	}
	if !o.WritesBusy {
		busy := quote(d.column("doctors.busy"))
		n.problem("role "+d.names.OwnerRole+" may not write "+busy+" of the doctors: no doctor is released",
			"GRANT UPDATE ("+busy+") ON "+d.tables["doctors"].name+" TO "+name+";")
	}
	for t := range strings.SplitSeq(o.HiddenBySecurityRow, ",") {
		if t != "" {
			n.problem("row level security hides the rows of "+t+" from role "+d.names.OwnerRole, "CREATE POLICY notifier ON "+t+" TO "+name+" USING (true);")
		}
	}
	if o.LogsIn {
		n.warning("role "+d.names.OwnerRole+" may log in, and nobody needs to", "ALTER ROLE "+name+" NOLOGIN;")
	}
	return n.finding("role %s has what notifier's functions need", d.names.OwnerRole), nil
}
