package sql_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"notifier/sql"
	"notifier/sql/pgtest"
)

// migrateURL makes of this test binary a second process that migrates, as a second `notifier migrate up` would.
const migrateURL = "NOTIFIER_TEST_MIGRATE_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(migrateURL); url != "" {
		os.Exit(migrateUp(url))
	}
	os.Exit(run(m))
}

// run fails when a goroutine is left behind.
func run(m *testing.M) int {
	status := pgtest.Tests{M: m}.Run()
	if err := goleak.Find(); status == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

func migrateUp(url string) int {
	migrator, err := sql.New(sql.Config{URL: url})
	if err == nil {
		var done []string
		done, err = migrator.Up(context.Background())
		fmt.Println(len(done))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
