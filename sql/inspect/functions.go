package inspect

import (
	"context"
	"fmt"
)

type function struct {
	Signature, Owner  string
	IsOurs            bool // owned by the owner role
	LacksDefiner      bool // it must be SECURITY DEFINER and is not
	FixesPath, ForAll bool
	LacksVolatile     bool
}

// checkFunctions looks at what can be changed about a function from the outside. What stands in it may be the DBA's own.
func (d *Database) checkFunctions(ctx context.Context) (Finding, error) {
	functions, err := ask[function](ctx, d, "functions.sql", d.names.OwnerRole)
	if err != nil {
		return Finding{}, err
	}
	owned, err := ask[struct{ Name, Kind, Owner string }](ctx, d, "owned.sql", d.names.OwnerRole)
	if err != nil {
		return Finding{}, err
	}
	owner := quote(d.names.OwnerRole)
	var n notes
	for _, f := range functions {
		f.judge(&n, owner)
	}
	for _, o := range owned {
		n.problem(fmt.Sprintf("%s belongs to role %s instead of %s", o.Name, o.Owner, owner), fmt.Sprintf("ALTER %s %s OWNER TO %s;", o.Kind, o.Name, owner))
	}
	return n.finding("all %d belong to %s, with a fixed search_path, and PUBLIC may not call them", len(functions), d.names.OwnerRole), nil
}

func (f function) judge(n *notes, owner string) {
	if !f.IsOurs {
		n.problem(fmt.Sprintf("%s belongs to role %s, with whose rights it runs or is denied, instead of %s", f.Signature, f.Owner, owner),
			fmt.Sprintf("ALTER FUNCTION %s OWNER TO %s;", f.Signature, owner))
	}
	if f.LacksDefiner {
		n.problem(f.Signature+" is not SECURITY DEFINER: it fails for whoever has no rights of its owner, the clinic's roles among them",
			fmt.Sprintf("ALTER FUNCTION %s SECURITY DEFINER;", f.Signature))
	}
	if !f.FixesPath {
		n.problem(f.Signature+" has no fixed search_path: whoever calls it decides what its names mean",
			fmt.Sprintf("ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp;", f.Signature))
	}
	if f.ForAll {
		n.warning("everybody may call "+f.Signature, fmt.Sprintf("REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;", f.Signature))
	}
	if f.LacksVolatile {
		n.problem(f.Signature+" is not VOLATILE: it does not see what was committed a moment ago, and a doctor is released wrongly",
			fmt.Sprintf("ALTER FUNCTION %s VOLATILE;", f.Signature))
	}
}
