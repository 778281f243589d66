package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// Status is what a DBA asks first: what is applied, and whether the triggers fire.
type Status struct {
	Migrations []MigrationStatus
	Triggers   []TriggerStatus // of the clinic's appointments table; empty when none is there
	Bell       bool
}

// MigrationStatus is one migration; AppliedAt is zero when it is not applied.
type MigrationStatus struct {
	Name      string
	AppliedAt time.Time
}

// TriggerStatus is one capture trigger and what PostgreSQL says of it: enabled, disabled, replica (fires only
// in replication), always.
type TriggerStatus struct {
	Name, Table, State string
}

// Complete tells whether every migration is applied and both triggers are enabled.
func (s Status) Complete() bool {
	for _, m := range s.Migrations {
		if m.AppliedAt.IsZero() {
			return false
		}
	}
	for _, t := range s.Triggers {
		if t.State != "enabled" && t.State != "always" {
			return false
		}
	}
	return len(s.Triggers) == 2
}

// Status reads the state of the database. It takes no lock and changes nothing.
func (m *Migrator) Status(ctx context.Context) (Status, error) {
	db := stdlib.OpenDB(*m.connCfg)
	defer db.Close() //nolint:errcheck // read only
	var status Status
	applied, err := appliedVersions(ctx, db)
	if err != nil {
		return status, err
	}
	all, err := rendering{names: DefaultNames()}.migrations() // only what they are called is of interest
	if err != nil {
		return status, err
	}
	for _, migration := range all {
		status.Migrations = append(status.Migrations, MigrationStatus{Name: migration.name, AppliedAt: applied[migration.version]})
	}
	if _, status.Bell, err = storedSettings(ctx, db); err != nil {
		return status, err
	}
	status.Triggers, err = captureTriggers(ctx, db)
	return status, err
}

func appliedVersions(ctx context.Context, db *sql.DB) (map[int64]time.Time, error) {
	var exists bool
	if err := db.QueryRowContext(ctx, "SELECT to_regclass('notifier.migration') IS NOT NULL").Scan(&exists); err != nil {
		return nil, fmt.Errorf("connect to database: %w", err)
	}
	if !exists {
		return nil, nil
	}
	rows, err := db.QueryContext(ctx, "SELECT version_id, tstamp FROM notifier.migration WHERE is_applied")
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", versionTable, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	applied := map[int64]time.Time{}
	for rows.Next() {
		var (
			version int64
			at      time.Time
		)
		if err := rows.Scan(&version, &at); err != nil {
			return nil, fmt.Errorf("read %s: %w", versionTable, err)
		}
		applied[version] = at
	}
	return applied, rows.Err()
}

// captureTriggers finds the triggers by the function they call, whatever table they are on.
func captureTriggers(ctx context.Context, db *sql.DB) (triggers []TriggerStatus, err error) {
	const query = `
		SELECT t.tgname, t.tgrelid::regclass::text,
		       CASE t.tgenabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END
		FROM pg_trigger AS t
		WHERE t.tgfoid = to_regproc('notifier.capture') AND t.tgparentid = 0
		ORDER BY t.tgname`
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("read triggers: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var t TriggerStatus
		if err := rows.Scan(&t.Name, &t.Table, &t.State); err != nil {
			return nil, fmt.Errorf("read triggers: %w", err)
		}
		triggers = append(triggers, t)
	}
	return triggers, rows.Err()
}
