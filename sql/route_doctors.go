package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// DoctorsEvent is what a doctor's state raises unless it is told otherwise.
const DoctorsEvent = "doctors.busy"

// ErrDaemonsUnable means that a daemon is here which cannot read doctors' events.
var ErrDaemonsUnable = errors.New("a daemon of an earlier release is here, which cannot read doctors' events")

// readDoctorsRoute finds the trigger by the function that it calls.
func readDoctorsRoute(ctx context.Context, db *sql.DB) (*DoctorsRoute, error) {
	const query = `
		SELECT coalesce(nullif(convert_from(substring(t.tgargs FOR greatest(octet_length(t.tgargs) - 1, 0)), getdatabaseencoding()), ''), $1),
		       t.tgrelid::regclass::text,
		       CASE t.tgenabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END
		FROM pg_trigger AS t
		WHERE t.tgfoid = to_regproc('notifier.capture_doctor') AND t.tgparentid = 0
		ORDER BY t.tgname`
	var r DoctorsRoute
	err := db.QueryRowContext(ctx, query, DoctorsEvent).Scan(&r.Event, &r.Table, &r.State)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // there is none, which is no failure
	}
	if err != nil {
		return nil, fmt.Errorf("read the doctors' trigger: %w", err)
	}
	return &r, nil
}

// RouteDoctors lets a change of a doctor's state raise an event. It locks the clinic's doctors against writers for a moment, with
// the patience of a migration. While a daemon of an earlier release is here it is refused with ErrDaemonsUnable: such a
// daemon, and its screens with it, would stand still before the first of these events.
func (m *Migrator) RouteDoctors(ctx context.Context, event string) error {
	if err := ValidateEvent(event); err != nil {
		return err
	}
	return m.routed(ctx, func(db *session, routes Routes) error {
		switch {
		case db.rendering.names.Columns[accountOfDoctors] == "":
			return errors.New("notifier does not know which column of the doctors' table is the account: " +
				"notifier migrate down, then notifier migrate up --column doctors.account=…")
		case len(routes.Unable) > 0:
			return fmt.Errorf("%w: upgrade it first, or wait a minute if it is gone (%s)", ErrDaemonsUnable, strings.Join(routes.Unable, "; "))
		case routes.Doctors != nil && routes.Doctors.Event == event && routes.Doctors.State == "enabled":
			return nil
		}
		if err := db.checkDoctorsTypes(ctx); err != nil {
			return err
		}
		db.rendering.event = event
		return db.script(ctx, "migrations/route_doctors.sql")
	})
}

// checkDoctorsTypes: a value that the outbox's column cannot take would fail the clinic's own statement.
func (s *session) checkDoctorsTypes(ctx context.Context) error {
	table, err := quoteTable(s.rendering.names.Tables, "doctors")
	if err != nil {
		return err
	}
	const query = `
		SELECT coalesce(string_agg(format('%I is %s, and %s in the appointments', v.col, coalesce(format_type(d.atttypid, NULL), 'not there'),
		                                  format_type(o.atttypid, NULL)), '; '), '')
		FROM (VALUES ('account_id', $2::text), ('doctor_id', $3::text)) AS v (ours, col)
		JOIN pg_attribute AS o ON o.attrelid = 'notifier.staging'::regclass AND o.attname = v.ours
		LEFT JOIN pg_attribute AS d ON d.attrelid = $1::text::regclass AND d.attname = v.col AND NOT d.attisdropped
		WHERE d.atttypid IS NULL OR d.atttypid <> o.atttypid AND NOT EXISTS (
			SELECT FROM pg_cast AS c WHERE c.castsource = d.atttypid AND c.casttarget = o.atttypid AND c.castcontext = 'i')`
	names := s.rendering.names.Columns
	var fault string
	if err := s.db.QueryRowContext(ctx, query, table, names[accountOfDoctors], names["doctors.id"]).Scan(&fault); err != nil {
		return fmt.Errorf("compare types: %w", err)
	}
	if fault != "" {
		return fmt.Errorf("the columns of %s do not fit the appointments': %s", table, fault)
	}
	return nil
}

// UnrouteDoctors takes the trigger away, and returns what it did raise.
func (m *Migrator) UnrouteDoctors(ctx context.Context) (event string, err error) {
	err = m.routed(ctx, func(db *session, routes Routes) error {
		if routes.Doctors == nil {
			return errors.New("the doctors have no trigger of notifier's: nothing to remove")
		}
		event = routes.Doctors.Event
		return db.script(ctx, "migrations/unroute_doctors.sql")
	})
	return event, err
}
