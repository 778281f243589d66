package inspect

import (
	"context"
	"embed"

	"github.com/jackc/pgx/v5"

	"notifier/sql"
)

//go:embed *.sql
var sources embed.FS

// The codes that other checks refer to.
const (
	codeSchema     = "schema"
	codePrivileges = "privileges"
	codeClinic     = "clinic_tables"
	codeOwner      = "owner_role"
	codeIndexes    = "indexes"
	codeView       = "view"
)

// Database is an installation. Its checks share what they have learned; they are run one after the other.
type Database struct {
	// Conn is a connection as serve's pool has it, which is not to prepare statements (it may lead to a pooler). It has to be set
	// before the first check runs.
	Conn *pgx.Conn
	// Connects is the code of the check that sets Conn: all others need it.
	Connects string
	// Pooled tells whether Conn leads through a pooler, where a session takes its settings from its role.
	Pooled bool
	// Connections is how many connections one serve opens.
	Connections int

	names  sql.Names
	tables map[string]table // by their key in names; those that are there
	bell   bool

	lacksIndexes bool
}

// table is one of the clinic's.
type table struct {
	oid  int64
	name string // as SQL wants it: quoted where it has to be, with its schema where it is not found without
}

// Checks are the questions, in an order in which each finds what it needs.
func (d *Database) Checks() []Check {
	return []Check{
		d.check("server_version", d.checkVersion),
		d.check("recovery", d.checkRecovery),
		d.check(codeSchema, d.checkSchema),
		d.check(codePrivileges, d.checkPrivileges),
		d.check(codeClinic, d.checkClinic, codeSchema),
		d.check("role", d.checkRole, codeClinic),
		d.check("role_settings", d.checkRoleSettings),
		d.check(codeOwner, d.checkOwner, codeClinic),
		d.check("triggers", d.checkTriggers, codeClinic),
		d.check("doctors_trigger", d.checkDoctors, codeClinic, codePrivileges),
		d.check("functions", d.checkFunctions, codeClinic),
		d.check("statuses", d.checkStatuses, codeClinic, codeOwner),
		d.check(codeView, d.checkView, codeSchema),
		d.check(codeIndexes, d.checkIndexes, codeClinic),
		d.check("view_plan", d.checkPlan, codeClinic, codeOwner, codeView, codeIndexes),
		d.check("backlog", d.checkBacklog, codeSchema),
		d.check("releases", d.checkReleases, codeSchema),
		d.check("vacuum", d.checkVacuum, codeSchema),
		d.check("notify_queue", d.checkQueue),
		d.check("two_phase", d.checkTwoPhase, codeClinic),
		d.check("connections", d.checkConnections),
		d.check("durability", d.checkDurability),
		d.check("clock", d.checkClock),
	}
}

func (d *Database) check(code string, run func(context.Context) (Finding, error), needs ...string) Check {
	return Check{Code: code, Needs: append([]string{d.Connects}, needs...), Run: func(ctx context.Context) (Finding, error) {
		if d.Conn.IsClosed() {
			return Finding{}, errClosed
		}
		return run(ctx)
	}}
}

// begin: nothing can be written, and nothing waits for long, whatever the role's settings are.
const begin = `BEGIN READ ONLY; SET LOCAL statement_timeout = '3s'; SET LOCAL lock_timeout = '500ms'; SET LOCAL search_path = pg_catalog, public`

// ask runs one of the .sql files in a transaction of its own.
func ask[T any](ctx context.Context, d *Database, file string, arguments ...any) (answer []T, err error) {
	statement, err := sources.ReadFile(file)
	if err != nil {
		return nil, err
	}
	err = pgx.BeginTxFunc(ctx, d.Conn, pgx.TxOptions{BeginQuery: begin}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, string(statement), arguments...)
		if err != nil {
			return err
		}
		answer, err = pgx.CollectRows(rows, pgx.RowToStructByPos[T])
		return err
	})
	return answer, err
}

// askOne is for statements that give one row.
func askOne[T any](ctx context.Context, d *Database, file string, arguments ...any) (answer T, err error) {
	rows, err := ask[T](ctx, d, file, arguments...)
	if err != nil {
		return answer, err
	}
	if len(rows) != 1 {
		return answer, pgx.ErrNoRows
	}
	return rows[0], nil
}
