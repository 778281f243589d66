package demo_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"notifier/cmd/notifier/demo"
	"notifier/sql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// recife is where the tests' clinic stands: a zone that is not UTC.
var recife = time.FixedZone("Recife", -3*60*60)

// midMorning is a day of the past, so that what a test changes is newer than
// what it was seeded with.
var midMorning = time.Date(2025, 5, 14, 10, 41, 0, 0, recife)

// seeded returns a clinic and a pool of its application's role.
func seeded(t *testing.T, at time.Time) (*pgtest.DB, *pgxpool.Pool) {
	t.Helper()
	db := pgtest.Clinic(t)
	if err := demo.Seed(t.Context(), db.Pool(pgtest.Owner), at); err != nil {
		t.Fatal(err)
	}
	return db, db.Pool(pgtest.App)
}

// newSite returns the site of a clinic seeded at midMorning, where it still is
// that time.
func newSite(t *testing.T) (*demo.Site, *pgxpool.Pool) {
	t.Helper()
	_, pool := seeded(t, midMorning)
	return demo.New(demo.Config{
		DB:    pool,
		Token: func(account string) (string, error) { return "token-of-" + account, nil },
		Now:   func() time.Time { return midMorning },
		Pace:  time.Millisecond,
	}), pool
}

// one reads a single value.
func one[T any](t *testing.T, db *pgxpool.Pool, query string, args ...any) T {
	t.Helper()
	rows, _ := db.Query(context.Background(), query, args...)
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// anyWith returns an appointment of account 1 in a status.
func anyWith(t *testing.T, db *pgxpool.Pool, status string) int64 {
	t.Helper()
	return one[int64](t, db, `SELECT a.id FROM appointments a JOIN appointment_status s ON s.id = a."statusId"
		WHERE a."accountId" = 1 AND s.code::text = $1 ORDER BY a.id LIMIT 1`, status)
}

func statusOf(t *testing.T, db *pgxpool.Pool, id int64) string {
	t.Helper()
	return one[string](t, db, `SELECT s.code::text FROM appointments a JOIN appointment_status s ON s.id = a."statusId"
		WHERE a.id = $1`, id)
}
