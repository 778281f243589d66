package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"notifier/sql/pgtest"
)

func busyClinic(t *testing.T, pace time.Duration) (*Site, *pgxpool.Pool) {
	t.Helper()
	now := time.Date(2025, 5, 14, 10, 41, 0, 0, time.UTC)
	db := pgtest.Clinic(t)
	if err := Seed(t.Context(), db.Pool(pgtest.Owner), now); err != nil {
		t.Fatal(err)
	}
	pool := db.Pool(pgtest.App)
	return New(Config{DB: pool, Now: func() time.Time { return now }, Pace: pace}), pool
}

func count(t *testing.T, db *pgxpool.Pool, query string) int {
	t.Helper()
	var n int
	if err := db.QueryRow(context.Background(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheSimulatorKeepsEveryListAlive(t *testing.T) {
	site, db := busyClinic(t, time.Hour)
	simulator := newSimulator(site)
	ended := `SELECT count(*) FROM appointments a JOIN appointment_status s ON s.id = a."statusId"
		WHERE s.code IN ('FINALIZADO', 'CANCELADO')`
	before := count(t, db, ended)
	for range 900 {
		err := simulator.step(t.Context())
		if err != nil {
			t.Fatal(err) // nobody else is here to be quicker
		}
		// notifier's part
		_, err = db.Exec(t.Context(), `UPDATE doctors d SET "isBusy" = false WHERE "isBusy" AND NOT EXISTS (
			SELECT FROM appointments a JOIN appointment_status s ON s.id = a."statusId"
			WHERE a."doctorId" = d.id AND s.code = 'EM_ATENDIMENTO')`)
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, db, ended) - before; got < 150 {
		t.Errorf("900 steps ended %d appointments", got)
	}
	for status, least := range map[string]int{statusBooked: wantBooked - 1, statusArrived: 1} {
		got := count(t, db, fmt.Sprintf(`SELECT min(n) FROM (
			SELECT count(*) FILTER (WHERE s.code = '%s') AS n
			FROM appointments a JOIN appointment_status s ON s.id = a."statusId" GROUP BY a."accountId") counts`, status))
		if got < least {
			t.Errorf("an account is down to %d %s", got, status)
		}
	}
	if got := count(t, db, `SELECT count(*) FROM (SELECT FROM appointments a
		JOIN appointment_status s ON s.id = a."statusId" WHERE s.code = 'EM_ATENDIMENTO'
		GROUP BY "doctorId" HAVING count(*) > 1) doubled`); got != 0 {
		t.Errorf("%d doctors have two patients at once", got)
	}
}

func TestTheSimulatorBooksOnADryDay(t *testing.T) {
	site, db := busyClinic(t, time.Hour)
	if _, err := db.Exec(t.Context(), `DELETE FROM appointments`); err != nil {
		t.Fatal(err)
	}
	simulator := newSimulator(site)
	for range 30 {
		if err := simulator.step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, db, `SELECT count(*) FROM appointments a JOIN appointment_procedures p ON p."appointmentId" = a.id
		WHERE a.date = '2025-05-14' AND a."startTime" BETWEEN '10:45' AND '12:15'`); got < 30 {
		t.Errorf("30 steps booked %d procedures", got)
	}
}

// turn presses the page's switch.
func turn(t *testing.T, site *Site, on bool) {
	t.Helper()
	recorder := httptest.NewRecorder()
	site.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/api/simulator",
		strings.NewReader(fmt.Sprintf(`{"on":%v}`, on))))
	if recorder.Code != http.StatusOK {
		t.Fatalf("got %d %s", recorder.Code, recorder.Body)
	}
}

func TestTheSimulatorIdlesUntilItIsSwitchedOn(t *testing.T) {
	site, db := busyClinic(t, time.Millisecond)
	changed := `SELECT count(*) FROM appointments WHERE "updatedAt" > '2025-05-15'`
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- site.Run(ctx) }()

	// The loop takes the token of each turn, and so has been round twice by
	// the time that the third is taken.
	for range 3 {
		turn(t, site, false)
		waitFor(t, "the switch to be noticed", func() bool { return len(site.wake) == 0 })
	}
	if got := count(t, db, changed); got != 0 {
		t.Errorf("switched off, it changed %d appointments", got)
	}
	turn(t, site, true)
	waitFor(t, "a change", func() bool { return count(t, db, changed) > 0 })
	turn(t, site, false)
	waitFor(t, "the switch to be noticed", func() bool { return len(site.wake) == 0 })
	quiet := count(t, db, changed)
	turn(t, site, false)
	waitFor(t, "the switch to be noticed", func() bool { return len(site.wake) == 0 })
	if got := count(t, db, changed); got != quiet {
		t.Errorf("switched off again, it went from %d changes to %d", quiet, got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil at the end of its context", err)
	}
}

func waitFor(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s for %s", what)
		}
	}
}
