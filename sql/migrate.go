// Package sql installs notifier beside a clinic's tables: versioned migrations, rendered from plain .sql
// files with the clinic's own names, applied by goose, printed for a DBA who applies them by hand.
package sql

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// versionTable is where goose notes what was applied; prepare.sql creates it as goose would.
	versionTable = "notifier.migration"
	// migrateLock is the session advisory lock that lets one process migrate at a time.
	migrateLock = int64(0x6e74667900000001)
)

// Config of a Migrator.
type Config struct {
	// URL of the database, as the owner of the clinic's tables. Not through a pooler: the lock against a
	// second migration belongs to the session.
	URL string
	// Names that differ from what the database was migrated with (or, on a new one, from the defaults).
	Names Names
	// Bell tells whether the trigger raises NOTIFY; nil leaves it as it is (on, on a new database).
	Bell *bool
	// LockTimeout is how long one try waits for a lock on a clinic's table (default 200 ms): for so long
	// the table's writers may queue up behind it. LockWait bounds all tries together (default 2 min).
	LockTimeout, LockWait time.Duration
	Logger                *slog.Logger
}

// Migrator applies, takes back, prints and tells the migrations of one database.
type Migrator struct {
	cfg     Config
	connCfg *pgx.ConnConfig
}

// New checks the configuration; it does not connect.
func New(cfg Config) (*Migrator, error) {
	connCfg, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err)
	}
	if err := DefaultNames().Override(cfg.Names).Validate(); err != nil {
		return nil, err
	}
	if cfg.LockTimeout == 0 {
		cfg.LockTimeout = 200 * time.Millisecond
	}
	if cfg.LockWait == 0 {
		cfg.LockWait = 2 * time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	connCfg.RuntimeParams["application_name"] = "notifier migrate"
	connCfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { tell(cfg.Logger, n) }
	return &Migrator{cfg: cfg, connCfg: connCfg}, nil
}

// tell passes on what the migrations say with RAISE, and not PostgreSQL's own small talk
// ("already exists, skipping", "type reference converted").
func tell(log *slog.Logger, n *pgconn.Notice) {
	switch {
	case n.SeverityUnlocalized == "WARNING":
		log.Warn("database_warning", slog.String("warning", n.Message))
	case n.Routine == "exec_stmt_raise":
		log.Info("database_notice", slog.String("notice", n.Message))
	}
}

// Up applies what is not applied yet, one transaction for each migration, and returns their names.
// Two processes may call it at once: the second waits and then finds nothing to do.
func (m *Migrator) Up(ctx context.Context) ([]string, error) {
	var done []string
	err := m.locked(ctx, func(db *session) error {
		if err := db.script(ctx, "migrations/prepare.sql"); err != nil {
			return err
		}
		for {
			result, err := db.step(ctx, db.provider.UpByOne)
			if errors.Is(err, goose.ErrNoNextVersion) {
				break
			}
			if err != nil {
				return err
			}
			done = append(done, result.Source.Path)
		}
		if err := db.ring(ctx, m.cfg.Bell); err != nil {
			return err
		}
		return db.script(ctx, "migrations/advise.sql")
	})
	return done, err
}

// Down takes back the last migration, or all of them, and returns their names. When none is left, the
// schema and (where nobody else uses them) the roles go too.
func (m *Migrator) Down(ctx context.Context, all bool) ([]string, error) {
	var done []string
	err := m.locked(ctx, func(db *session) error {
		if !db.installed {
			return nil
		}
		for {
			result, err := db.step(ctx, db.provider.Down)
			if err != nil && !errors.Is(err, goose.ErrNoNextVersion) {
				return err
			}
			if err == nil {
				done = append(done, result.Source.Path)
			}
			version, err := db.provider.GetDBVersion(ctx)
			if err != nil {
				return fmt.Errorf("read version: %w", err)
			}
			if version == 0 {
				return db.script(ctx, "migrations/remove.sql")
			}
			if !all {
				return nil
			}
		}
	})
	return done, err
}

// session is a Migrator that holds the lock: one connection, and goose on the rendered migrations.
type session struct {
	*Migrator
	db        *sql.DB
	rendering rendering
	installed bool // wholly or partly: prepare.sql has run
	provider  *goose.Provider
	giveUp    time.Time // when to stop waiting for locks
}

// locked runs f while no other process migrates this database.
func (m *Migrator) locked(ctx context.Context, f func(*session) error) error {
	db := stdlib.OpenDB(*m.connCfg)
	defer db.Close() //nolint:errcheck // nothing is left unsaved: every step commits by itself
	lock, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to database: %w", err)
	}
	defer lock.Close() //nolint:errcheck // closing the database below ends it too
	if _, err := lock.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrateLock); err != nil {
		return fmt.Errorf("wait for another migration to end: %w", err)
	}
	s, err := m.open(ctx, db)
	if err != nil {
		return err
	}
	return f(s)
}

func (m *Migrator) open(ctx context.Context, db *sql.DB) (*session, error) {
	s := &session{Migrator: m, db: db, giveUp: time.Now().Add(m.cfg.LockWait)}
	if err := db.QueryRowContext(ctx, "SELECT to_regclass('"+versionTable+"') IS NOT NULL").Scan(&s.installed); err != nil {
		return nil, fmt.Errorf("look for an installation: %w", err)
	}
	stored, bell, err := storedSettings(ctx, db)
	if err != nil {
		return nil, err
	}
	var known Names
	if stored != nil {
		known = *stored
	}
	known = known.Override(m.cfg.Names)
	names := DefaultNames().Override(known)
	if _, ok := known.Columns[accountOfDoctors]; !ok {
		if names, err = withoutMissing(ctx, db, names, accountOfDoctors); err != nil {
			return nil, err
		}
	}
	if m.cfg.Bell != nil {
		bell = *m.cfg.Bell
	}
	s.rendering = rendering{names: names, bell: bell, lockTimeout: m.cfg.LockTimeout}
	if err := s.rendering.names.Validate(); err != nil {
		return nil, err
	}
	if stored != nil {
		if err := sameNames(*stored, s.rendering.names); err != nil {
			return nil, err
		}
	}
	all, err := s.rendering.migrations()
	if err != nil {
		return nil, err
	}
	s.provider, err = goose.NewProvider(goose.DialectPostgres, db, gooseFiles(all),
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return s, nil
}

// storedSettings reads what the database was migrated with; nil names where it is not (or not wholly) migrated.
func storedSettings(ctx context.Context, db *sql.DB) (*Names, bool, error) {
	var exists bool
	if err := db.QueryRowContext(ctx, "SELECT to_regclass('notifier.setting') IS NOT NULL").Scan(&exists); err != nil {
		return nil, false, fmt.Errorf("look for an installation: %w", err)
	}
	if !exists {
		return nil, true, nil
	}
	var (
		text []byte
		bell bool
	)
	if err := db.QueryRowContext(ctx, "SELECT names, bell FROM notifier.setting").Scan(&text, &bell); err != nil {
		return nil, false, fmt.Errorf("read notifier.setting: %w", err)
	}
	var names Names
	if err := json.Unmarshal(text, &names); err != nil {
		return nil, false, fmt.Errorf("read names in notifier.setting: %w", err)
	}
	return &names, bell, nil
}

// accountOfDoctors joined the names later than the others. A clinic whose doctors have no such column goes without, unless
// its own name for it is given.
const accountOfDoctors = "doctors.account"

// withoutMissing is the names without an optional column that the clinic does not have.
func withoutMissing(ctx context.Context, db *sql.DB, names Names, key string) (Names, error) {
	table, _, _ := strings.Cut(key, ".")
	schema, name := names.TableName(table)
	const query = `
		SELECT EXISTS (SELECT FROM information_schema.columns AS c
		               WHERE c.table_schema = $1 AND c.table_name = $2 AND c.column_name = $3)`
	var exists bool
	if err := db.QueryRowContext(ctx, query, schema, name, names.Columns[key]).Scan(&exists); err != nil {
		return names, fmt.Errorf("look for column %s: %w", key, err)
	}
	if exists {
		return names, nil
	}
	return names.Override(Names{Columns: map[string]string{key: ""}}), nil
}

// ring sets the bell as asked on a database that was migrated before.
func (s *session) ring(ctx context.Context, bell *bool) error {
	if bell == nil {
		return nil
	}
	_, err := s.db.ExecContext(ctx, "UPDATE notifier.setting SET bell = $1 WHERE bell <> $1", *bell)
	if err != nil {
		return fmt.Errorf("set the bell: %w", err)
	}
	return nil
}
