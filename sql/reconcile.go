package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// ErrNotInstalled means that the database has no notifier, or one from before what was asked for.
var ErrNotInstalled = errors.New("notifier is not installed in this database, or is older than this program: run `notifier migrate up`")

const (
	reconcileBatch = 1000 // appointments, whose rows are locked for some 50 ms
	reconcileTries = 15   // for what is being written at the moment
	reconcilePause = 200 * time.Millisecond
	reconcileShown = 10
)

// What count runs: rows of notifier.staging.
const (
	findSQL = `
		SELECT u.appointment_id::text, coalesce(u.account_id::text, ''), u.status, u.releases_doctor
		FROM notifier.unreported($1, $2, $3) AS u`
	stageSQL = `
		SELECT s.appointment_id::text, coalesce(s.account_id::text, ''), s.status, s.releases_doctor
		FROM notifier.stage($1::text::notifier.staging[], $2) AS s`
)

// Reconciliation says where to look for appointments that ended without an event.
type Reconciliation struct {
	Since     time.Duration // how long ago their last change is, at most
	ByDate    bool          // by the appointment's date, from that day until today, in place of its last change
	BeyondLog bool          // also before the log begins, where it cannot tell what was reported
	DryRun    bool          // only look
}

// Reconciled is what was found, and staged unless it was a dry run.
type Reconciled struct {
	Since     time.Time
	LogBegins time.Time      // the log is complete from here on
	ByDate    bool           // as asked, or because the clinic has no updatedAt
	Statuses  map[string]int // how many, by their present status
	First     []Ended        // the first few
	Releases  int            // how many of them ask for the release of their doctor
	Earlier   int            // not touched: they changed before the log begins
	Held      int            // not staged: their rows are being written at this moment
	Triggers  []TriggerStatus
}

// Ended is an appointment without an event. Ids are written as text.
type Ended struct {
	Appointment, Account, Status string
}

// Found is how many there are in all.
func (r Reconciled) Found() int {
	var n int
	for _, count := range r.Statuses {
		n += count
	}
	return n
}

// Reconcile finds ended appointments without an event, and stages them for the daemons to number and deliver, in
// batches that each commit. url is a connection as the owner of the clinic's tables. When it fails, what was
// staged stays so; running it again goes on, and nothing is staged twice.
func Reconcile(ctx context.Context, url string, asked Reconciliation) (Reconciled, error) {
	connCfg, err := pgx.ParseConfig(url)
	if err != nil {
		return Reconciled{}, fmt.Errorf("read database URL: %w", err)
	}
	connCfg.RuntimeParams["application_name"] = "notifier reconcile"
	db := stdlib.OpenDB(*connCfg)
	defer db.Close() //nolint:errcheck // nothing is left unsaved: every batch commits by itself
	r := reconciler{db: db, asked: asked, Reconciled: Reconciled{Statuses: map[string]int{}}}
	if err := r.prepare(ctx); err != nil {
		return r.Reconciled, err
	}
	if asked.DryRun {
		err = r.count(ctx, findSQL, r.Since, r.ByDate, asked.BeyondLog)
	} else {
		err = r.stage(ctx)
	}
	return r.Reconciled, err
}

type reconciler struct {
	db    *sql.DB
	asked Reconciliation
	Reconciled
}

// prepare reads what is there to be told besides the appointments.
func (r *reconciler) prepare(ctx context.Context) error {
	var installed bool
	if err := r.db.QueryRowContext(ctx, "SELECT to_regproc('notifier.reconcile') IS NOT NULL").Scan(&installed); err != nil {
		return fmt.Errorf("look for an installation: %w", err)
	}
	if !installed {
		return ErrNotInstalled
	}
	const query = `
		SELECT clock_timestamp() - make_interval(secs => $1), c.numbered_at,
		       $2 OR coalesce(s.names -> 'columns' ->> 'appointments.updatedAt', '') = ''
		FROM notifier.cut AS c, notifier.setting AS s`
	err := r.db.QueryRowContext(ctx, query, r.asked.Since.Seconds(), r.asked.ByDate).Scan(&r.Since, &r.LogBegins, &r.ByDate)
	if err != nil {
		return fmt.Errorf("read where the log begins: %w", err)
	}
	if r.Since.Before(r.LogBegins) && !r.asked.BeyondLog {
		const earlier = "SELECT (SELECT count(*) FROM notifier.unreported($1, $2, true)) - (SELECT count(*) FROM notifier.unreported($1, $2))"
		if err := r.db.QueryRowContext(ctx, earlier, r.Since, r.ByDate).Scan(&r.Earlier); err != nil {
			return fmt.Errorf("look before the log begins: %w", err)
		}
	}
	r.Triggers, err = captureTriggers(ctx, r.db)
	return err
}

// stage looks and stages until a look finds nothing. What it finds again is held by somebody: it comes back for that a few times.
func (r *reconciler) stage(ctx context.Context) error {
	for tries := 1; ; tries++ {
		logEnd, batches, left, err := r.look(ctx)
		if err != nil {
			return err
		}
		r.Held = left
		if left == 0 || tries > reconcileTries {
			return nil
		}
		for _, batch := range batches {
			if err = r.count(ctx, stageSQL, batch, logEnd); err != nil {
				break
			}
		}
		if err != nil && (!isLockTimeout(err) || tries == reconcileTries) {
			return err
		}
		if tries == 1 && err == nil {
			continue // usually, all is done
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(reconcilePause):
		}
	}
}

// look finds all there is, in batches that are written as PostgreSQL writes arrays.
func (r *reconciler) look(ctx context.Context) (logEnd int64, batches []string, left int, err error) {
	if err := r.db.QueryRowContext(ctx, "SELECT h.seq FROM notifier.head AS h").Scan(&logEnd); err != nil {
		return 0, nil, 0, fmt.Errorf("read the log's end: %w", err)
	}
	const query = `
		SELECT array_agg(f.u)::text, count(*)
		FROM (SELECT u, (row_number() OVER () - 1) / $4 AS n FROM notifier.unreported($1, $2, $3) AS u) AS f
		GROUP BY f.n ORDER BY f.n`
	rows, err := r.db.QueryContext(ctx, query, r.Since, r.ByDate, r.asked.BeyondLog, reconcileBatch)
	if err != nil {
		return 0, nil, 0, fmt.Errorf("find appointments without an event: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			batch string
			n     int
		)
		if err := rows.Scan(&batch, &n); err != nil {
			return 0, nil, 0, fmt.Errorf("read appointments without an event: %w", err)
		}
		batches, left = append(batches, batch), left+n
	}
	return logEnd, batches, left, rows.Err()
}

// count runs a query for rows of notifier.staging in a transaction of its own, and counts them once it has committed.
func (r *reconciler) count(ctx context.Context, query string, args ...any) error {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, after an error the error counts
	found, err := readEnded(ctx, tx, query, args...)
	if err != nil {
		return fmt.Errorf("find appointments without an event: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("stage appointments: %w", err)
	}
	for _, e := range found {
		r.Statuses[e.Status]++
		if e.releases {
			r.Releases++
		}
		if len(r.First) < reconcileShown {
			r.First = append(r.First, e.Ended)
		}
	}
	return nil
}

type endedRow struct {
	Ended
	releases bool
}

func readEnded(ctx context.Context, tx *sql.Tx, query string, args ...any) (found []endedRow, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e endedRow
		if err := rows.Scan(&e.Appointment, &e.Account, &e.Status, &e.releases); err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, rows.Err()
}
