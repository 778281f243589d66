package pgtest

import (
	"context"
	"testing"

	"notifier/sql"
)

// unreleased is how many migrations came after the last release.
const unreleased = 2

// Previous is a Clinic with the schema of the previous release.
func Previous(t testing.TB) *DB {
	t.Helper()
	db := Clinic(t)
	db.Upgrade()
	for range unreleased {
		if _, err := db.migrator().Down(context.Background(), false); err != nil {
			t.Fatalf("take back this release's migrations: %v", err)
		}
	}
	return db
}

// Upgrade applies what is not applied yet, as `notifier migrate up` does.
func (db *DB) Upgrade() {
	db.t.Helper()
	if _, err := db.migrator().Up(context.Background()); err != nil {
		db.t.Fatalf("migrate: %v", err)
	}
}

// RouteDoctors makes the doctors' trigger, as `notifier routes add --doctors` does.
func (db *DB) RouteDoctors() {
	db.t.Helper()
	if err := db.migrator().RouteDoctors(context.Background(), sql.DoctorsEvent); err != nil {
		db.t.Fatalf("route doctors: %v", err)
	}
}

func (db *DB) migrator() *sql.Migrator {
	db.t.Helper()
	m, err := sql.New(sql.Config{URL: db.URL(Owner)})
	if err != nil {
		db.t.Fatal(err)
	}
	return m
}
