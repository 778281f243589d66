package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestMigrateSaysWhichSettingToChange(t *testing.T) {
	for _, test := range []struct{ code, setting string }{
		{"42501", "--owner-role"},
		{"42P01", "--table"},
		{"42703", "--column"},
		{"3F000", "--table"},
		{"28P01", "--database-url"},
	} {
		err := withHint(fmt.Errorf("apply prepare.sql: %w", &pgconn.PgError{Code: test.code, Message: "as PostgreSQL says it"}))
		if !strings.Contains(err.Error(), test.setting) || !strings.Contains(err.Error(), "as PostgreSQL says it") {
			t.Errorf("%s: %v, want the cause and %s", test.code, err, test.setting)
		}
	}
	if err := errors.New("connection refused"); !errors.Is(withHint(err), err) || withHint(nil) != nil {
		t.Error("another error was changed")
	}
}
