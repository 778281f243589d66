package sql_test

import (
	"testing"

	"notifier/sql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
