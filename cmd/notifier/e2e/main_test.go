package e2e

import (
	"os"
	"testing"

	"notifier/sql/pgtest"
)

func TestMain(m *testing.M) {
	status := pgtest.Tests{M: m}.Run()
	removeBinaries()
	os.Exit(status)
}
