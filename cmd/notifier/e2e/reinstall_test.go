package e2e

import (
	"testing"

	"notifier/sql/pgtest"
)

// An uninstall takes the runtime role with it and the log; what comes after is another role of the same name and
// another log. A daemon that lives through it finds its way back, and no cursor from before is good.
func TestADaemonLivesThroughAReinstallationAndOldCursorsDoNot(t *testing.T) {
	db := pgtest.Clinic(t)
	db.Exec(pgtest.Owner, `
		INSERT INTO accounts (id, name) VALUES (1, 'Clínica Um');
		INSERT INTO doctors (id, "accountId", name) VALUES (1, 1, 'Dr. Victor');
		INSERT INTO patients (id, "accountId", name) VALUES (456, 1, 'João Silva')`)
	install := []string{"migrate", "up", "--database-url", db.URL(pgtest.Owner), "--owner-role", "again_owner", "--runtime-role", "again_runtime"}
	if out, err := run(t, install...); err != nil {
		t.Fatalf("migrate up: %v: %s", err, out)
	}
	book(db, 1, 1, 20)
	p := serveReady(t, db, "--database-url", db.URL("again_runtime"))
	screen, _ := join(t, p.addr, "1", "")
	var cursor string
	for id := 1; id <= 5; id++ {
		finish(db, id)
		cursor = screen.event().ID
	}

	if out, err := run(t, "migrate", "down", "--all", "--database-url", db.URL(pgtest.Owner)); err != nil {
		t.Fatalf("migrate down: %v: %s", err, out)
	}
	p.awaitNotReady("not_migrated")
	if roles := pgtest.Get[int](db, `SELECT count(*) FROM pg_roles WHERE rolname LIKE 'again%'`); roles != 0 {
		t.Fatalf("%d roles are left", roles)
	}
	if out, err := run(t, install...); err != nil {
		t.Fatalf("migrate up again: %v: %s", err, out)
	}
	for id := 6; id <= 15; id++ { // the new log is longer than the old cursor
		finish(db, id)
	}
	p.poll("/readyz", func(status int, _ string) bool { return status == 200 })

	back, welcome := join(t, p.addr, "1", "?cursor="+cursor)
	if welcome.Recovered {
		t.Errorf("the cursor %s of the old log was recovered in the new one", cursor)
	}
	book(db, 1, 30, 1)
	finish(db, 30)
	for { // some of the ten may be numbered after the welcome; the last of all is the new one
		if got := appointmentID(t, back.event()); got == 30 {
			break
		} else if got < 6 || got > 15 {
			t.Fatalf("got appointment %d", got)
		}
	}
}
