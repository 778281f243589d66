package sql_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"notifier/sql"
	"notifier/sql/pgtest"
)

// migrateURL makes of this test binary a second process that migrates, as a second `notifier migrate up` would.
const migrateURL = "NOTIFIER_TEST_MIGRATE_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(migrateURL); url != "" {
		os.Exit(migrateUp(url))
	}
	pgtest.Main(m)
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
