package main

import (
	"strings"
	"testing"
)

func TestBadDatabaseURLsAreRefusedWithoutAWordOfThem(t *testing.T) {
	const password = "hunter2"
	for _, dsn := range []string{
		"postgres://clinic:hunter2@db:notaport/clinic",
		"postgres://clinic:hunter2@db:99999/clinic",
		"postgres://clinic:hunter2/x@db/clinic",
		"postgres://clinic:12/hunter2@db/clinic",
		"postgres://clinic:%zzhunter2@db/clinic",
		"postgres://clinic:hunter2@db/clinic?connect_timeout=hunter2",
		"postgres://clinic:hunter2@db/clinic?sslmode=hunter2",
		"postgres://clinic:hunter2@db/clinic?target_session_attrs=hunter2",
		"host=db password=hunter2 port=hunter2",
		"host=db password='hunter2",
		"hunter2",
		"mysql://clinic:hunter2@db/clinic",
	} {
		t.Setenv("NOTIFIER_DATABASE_URL", dsn)
		var d databaseSettings
		err := loaded(t, func(s *settings) { d.register(s, "anybody") })
		if err == nil {
			t.Errorf("%s is accepted", dsn)
			continue
		}
		if text := err.Error(); strings.Contains(text, password) || !strings.Contains(text, "--database-url (NOTIFIER_DATABASE_URL") {
			t.Errorf("%s: %s", dsn, text)
		}
	}
}

func TestGoodDatabaseURLsAreAccepted(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://clinic:hunter2@db.example:5433/clinic":                         "clinic@db.example:5433/clinic",
		"postgresql://clinic:p%40ss@db/clinic?sslmode=require":                     "clinic@db:5432/clinic",
		"postgres://clinic:x@h1,h2/clinic?target_session_attrs=read-write":         "clinic@h1:5432/clinic",
		"host=/run/postgresql user=clinic dbname=clinic password=hunter2":          "clinic@/run/postgresql:5432/clinic",
		"postgres://clinic@[::1]:5432/clinic?connect_timeout=2&tcp_user_timeout=5": "clinic@[::1]:5432/clinic",
	} {
		if err := isDatabaseURL(dsn); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
		if got := redactDSN(dsn); got != want {
			t.Errorf("%s: got %q, want %q", dsn, got, want)
		}
	}
	if got := redactDSN("postgres://clinic:hunter2@db:x/"); strings.Contains(got, "hunter2") {
		t.Errorf("got %q", got)
	}
}

func TestTheFaultOfADatabaseURLIsNamed(t *testing.T) {
	err := isDatabaseURL("postgres://clinic:hunter2@db:notaport/clinic")
	if err == nil || !strings.Contains(err.Error(), "invalid port") {
		t.Errorf("got %v, want invalid port", err)
	}
}
