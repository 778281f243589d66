package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"notifier/sql/pgtest"
)

// clinic fills a migrated database with two accounts, a doctor and a patient each.
func clinic(t testing.TB) *pgtest.DB {
	t.Helper()
	db := pgtest.Migrated(t)
	db.Exec(pgtest.Owner, `
		INSERT INTO accounts (id, name) VALUES (1, 'Clínica Um'), (2, 'Clínica Dois');
		INSERT INTO doctors (id, "accountId", name, "isBusy") VALUES (1, 1, 'Dr. Victor', true), (2, 2, 'Dra. Ana', true);
		INSERT INTO patients (id, "accountId", name) VALUES (456, 1, 'João Silva'), (457, 2, 'Maria Souza');
		INSERT INTO contacts ("patientId", phone) VALUES (456, '(81) 99999-9999');
		INSERT INTO procedures (id, name, price) VALUES (3699, 'Ultrassom: Tireoide', 100)`)
	return db
}

// book adds waiting appointments to an account.
func book(db *pgtest.DB, account, first, count int) {
	db.Exec(pgtest.App, `
		INSERT INTO appointments (id, date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT n, '2025-01-23', '09:00', '09:15', $1, $1, 455 + $1, 2 FROM generate_series($2::int, $3::int) AS n`,
		account, first, first+count-1)
}

func finish(db *pgtest.DB, id int) {
	db.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, id)
}

func TestFiveThousandRowsOfOneUpdateArriveInOrder(t *testing.T) {
	db := clinic(t)
	book(db, 1, 1, 5000)
	p := serveReady(t, db)
	screen, _ := join(t, p.addr, "1", "")
	db.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 6`)
	order := pgtest.Get[[]int](db, `SELECT array_agg(x.id ORDER BY x.n) FROM
		(SELECT e.appointment_id AS id, e.seq AS n FROM notifier.event AS e
		 UNION ALL SELECT s.appointment_id, 1000000 + s.id FROM notifier.staging AS s) AS x`)
	if len(order) != 5000 {
		t.Fatalf("captured %d changes, want 5000", len(order))
	}
	for i, want := range order {
		if got := appointmentID(t, screen.event()); got != want {
			t.Fatalf("event %d is of appointment %d, want %d", i, got, want)
		}
	}
}

func TestTwoDaemonsServeTheirOwnClientsAndReleaseOnce(t *testing.T) {
	const events = 300
	db := clinic(t)
	book(db, 1, 1, events)
	one, two := serveReady(t, db), serveReady(t, db)
	first, _ := join(t, one.addr, "1", "")
	second, _ := join(t, two.addr, "1", "")
	for id := 1; id <= events; id++ {
		finish(db, id)
	}
	var ids []string
	for range events {
		ids = append(ids, first.event().ID)
	}
	for i, want := range ids {
		if got := second.event().ID; got != want {
			t.Fatalf("event %d is %s on one daemon and %s on the other", i, want, got)
		}
	}
	// Nothing more is under way: the next event is the next one.
	book(db, 1, events+1, 1)
	finish(db, events+1)
	if a, b := first.event(), second.event(); a.ID != b.ID || appointmentID(t, a) != events+1 {
		t.Errorf("then came %s and %s, want one event of appointment %d", a.ID, b.ID, events+1)
	}
	if got := pgtest.Get[int](db, `SELECT count(*) FROM notifier.effect WHERE outcome = 'released'`); got != 1 {
		t.Errorf("the doctor was released %d times, want once", got)
	}
}

func TestEventsCommittedWhileTheListenerIsDeadArrive(t *testing.T) {
	db := clinic(t)
	book(db, 1, 1, 100)
	p := serveReady(t, db)
	screen, _ := join(t, p.addr, "1", "")
	for id := 1; id <= 100; id++ {
		if id%10 == 0 {
			db.Exec(pgtest.Superuser, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'notifier listener'`)
		}
		finish(db, id)
	}
	for want := 1; want <= 100; want++ {
		if got := appointmentID(t, screen.event()); got != want {
			t.Fatalf("got appointment %d, want %d", got, want)
		}
	}
}

func TestAClientThatComesBackGetsWhatItMissedOnce(t *testing.T) {
	db := clinic(t)
	book(db, 1, 1, 60)
	book(db, 2, 1001, 5)
	p := serveReady(t, db)
	screen, welcome := join(t, p.addr, "1", "")
	if welcome.Recovered {
		t.Error("a client without a cursor was recovered")
	}
	finish(db, 1)
	last := screen.event().ID
	_ = screen.conn.CloseNow()
	for id := 2; id <= 30; id++ {
		finish(db, id)
	}
	finish(db, 1001)

	back, welcome := join(t, p.addr, "1", "?cursor="+last)
	if !welcome.Recovered || welcome.Cursor != last {
		t.Fatalf("welcome is %+v, want recovered from %s", welcome, last)
	}
	for id := 31; id <= 60; id++ {
		finish(db, id)
	}
	for want := 2; want <= 60; want++ {
		if got := appointmentID(t, back.event()); got != want {
			t.Fatalf("got appointment %d, want %d", got, want)
		}
	}
	if _, welcome := join(t, p.addr, "1", "?cursor=9-9"); welcome.Recovered {
		t.Error("a cursor of an unknown epoch was recovered")
	}
}

func appointmentID(t testing.TB, f frame) int {
	t.Helper()
	var data struct{ ID int }
	if err := json.Unmarshal(f.Data, &data); err != nil {
		t.Fatalf("%s: %v", f.Data, err)
	}
	return data.ID
}

// assertPrivate looks for everything in a log that must never be there.
func assertPrivate(t testing.TB, log string) {
	t.Helper()
	secrets := []string{e2eSecret, token(t, "1")[:60], "eyJ", "João", "Maria Souza", "99999-9999", "Observa"}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log contains %q", secret)
		}
	}
	if !strings.Contains(log, "event_published") {
		t.Errorf("the log has no event at all: %s", log)
	}
}
