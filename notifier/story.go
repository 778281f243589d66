package notifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	storyTimeout = 10 * time.Second // the log is read through
	storyEvents  = 100              // of one appointment, at most
)

// Story is what the database knows of an appointment's events. Times are by its clock.
type Story struct {
	Events      []StoryEvent // in the log's order: the last 100
	Staged      int          // changes that are committed and not numbered yet
	StagedSince *time.Time
}

// StoryEvent is one event of the log, and what became of the release that it asks for.
type StoryEvent struct {
	Epoch, Seq int64
	Name       string
	FromStatus string // "" if there was none before
	Status     string
	Account    string
	ChangedAt  time.Time // when the row was written, in the clinic's transaction
	NumberedAt time.Time // it was committed before
	Effect     string    // "": it asks for none; an outcome as of Metrics.Released; or why it waits: guarded, waiting, an SQLSTATE
	Tries      *int
	SettledAt  *time.Time // nil: it waits
	RetryAt    *time.Time
}

// ID is the event's on the wire.
func (e StoryEvent) ID() string { return Cursor{Epoch: e.Epoch, Seq: e.Seq}.String() }

// ReadStory reads what there is of an appointment, by its id as text, or of a test, by its marker.
func ReadStory(ctx context.Context, pool *pgxpool.Pool, appointment string) (Story, error) {
	var s Story
	err := ask(ctx, pool, storyTimeout, func(ctx context.Context, conn *pgxpool.Conn) error {
		// Before the log: what is numbered meanwhile is told twice rather than not at all.
		if err := conn.QueryRow(ctx, storyStagedSQL, appointment).Scan(&s.Staged, &s.StagedSince); err != nil {
			return err
		}
		rows, err := conn.Query(ctx, storySQL, appointment, storyEvents)
		if err != nil {
			return err
		}
		s.Events, err = pgx.CollectRows(rows, pgx.RowToStructByPos[StoryEvent])
		return err
	})
	if err != nil {
		return Story{}, fmt.Errorf("read the story of an appointment: %w", conceal(err))
	}
	slices.Reverse(s.Events)
	return s, nil
}

// TestEvent is the name of test events: notifier.capture_test() gives it to them.
const TestEvent = "notifier.test"

// TestRefusedError is why no test event was written: a text for whoever wants one.
type TestRefusedError struct{ Reason string }

func (e TestRefusedError) Error() string { return e.Reason }

// SendTest writes a test event for an account, and returns when it is committed. It is found by its marker.
func SendTest(ctx context.Context, pool *pgxpool.Pool, account, marker string) error {
	err := ask(ctx, pool, queryTimeout, func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := conn.Exec(ctx, sendTestSQL, account, marker)
		return err
	})
	var refused *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &refused):
	case refused.Code == "55000": // of send_test itself
		return TestRefusedError{refused.Message}
	case refused.Code[:2] == "22": // the account's text does not fit the type of the clinic's column
		return TestRefusedError{"the clinic's accounts have other ids: this is none"}
	case IsNotMigrated(err):
		return TestRefusedError{"the database has no test events yet: notifier migrate up"}
	}
	return fmt.Errorf("send test: %w", conceal(err))
}
