package demo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"notifier/cmd/notifier/demo"
)

func TestTheWaitingListIsWhatIsOpenInOneAccount(t *testing.T) {
	site, db := newSite(t)
	_, body := get(t, site.Handler(), "/api/waiting?account=2")
	var list struct {
		Appointments []struct {
			ID         int64
			StartTime  string
			UpdatedAt  string
			Status     struct{ Code, Name, Color string }
			Doctor     struct{ Name string }
			Patient    struct{ Name string }
			Procedures []string
		}
		Doctors []struct {
			ID     int64
			IsBusy bool
		}
		Totals    struct{ Finished, Cancelled, Missed int }
		Simulator bool
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	want := one[int](t, db, `SELECT count(*) FROM appointments a JOIN appointment_status s ON s.id = a."statusId"
		WHERE a."accountId" = 2 AND s.code IN ('AGENDADO', 'CHECKIN', 'EM_ATENDIMENTO')`)
	if len(list.Appointments) != want || len(list.Doctors) != 5 || list.Simulator {
		t.Errorf("got %d appointments, %d doctors, simulator %v; want %d, 5, false",
			len(list.Appointments), len(list.Doctors), list.Simulator, want)
	}
	for i, a := range list.Appointments {
		if a.Patient.Name == "" || a.Doctor.Name == "" || a.Status.Name == "" || len(a.Procedures) == 0 {
			t.Errorf("something is missing: %+v", a)
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", a.UpdatedAt); err != nil {
			t.Errorf("updatedAt is not as in the event: %v", err)
		}
		if i > 0 && a.StartTime < list.Appointments[i-1].StartTime {
			t.Errorf("%s comes after %s", a.StartTime, list.Appointments[i-1].StartTime)
		}
	}
	if got := one[int](t, db, `SELECT count(*) FROM appointments WHERE "accountId" = 2`); got !=
		want+list.Totals.Finished+list.Totals.Cancelled+list.Totals.Missed {
		t.Errorf("totals %+v and %d open do not add up to %d", list.Totals, want, got)
	}
}

func TestAnAppointmentGoesItsWayByPlainUpdates(t *testing.T) {
	site, db := newSite(t)
	handler := site.Handler()
	// A doctor without a patient, so that nothing is in the way.
	id := one[int64](t, db, `SELECT a.id FROM appointments a JOIN appointment_status s ON s.id = a."statusId"
		JOIN doctors d ON d.id = a."doctorId"
		WHERE a."accountId" = 1 AND s.code = 'AGENDADO' AND NOT d."isBusy" ORDER BY a.id LIMIT 1`)
	busy := func() bool {
		return one[bool](t, db, `SELECT d."isBusy" FROM doctors d JOIN appointments a ON a."doctorId" = d.id WHERE a.id = $1`, id)
	}
	for _, step := range []struct {
		status string
		busy   bool
	}{
		{"CHECKIN", false},
		{"EM_ATENDIMENTO", true},
		{"FINALIZADO", true}, // to free the doctor is notifier's part
	} {
		before := one[time.Time](t, db, `SELECT date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'UTC')`)
		answer, body := press(t, handler, fmt.Sprint(id), fmt.Sprintf(`{"account":1,"status":%q}`, step.status))
		after := one[time.Time](t, db, `SELECT clock_timestamp() AT TIME ZONE 'UTC'`)
		if answer.Code != http.StatusNoContent || body != "" {
			t.Fatalf("%s: %d %s", step.status, answer.Code, body)
		}
		if got := statusOf(t, db, id); got != step.status {
			t.Errorf("got status %s, want %s", got, step.status)
		}
		if got := busy(); got != step.busy {
			t.Errorf("after %s the doctor is busy: %v, want %v", step.status, got, step.busy)
		}
		stamp := one[time.Time](t, db, `SELECT "updatedAt" FROM appointments WHERE id = $1`, id)
		if stamp.Before(before) || stamp.After(after) {
			t.Errorf("the stamp %v is not between %v and %v", stamp, before, after)
		}
	}
}

func TestABusyDoctorStartsNothingElse(t *testing.T) {
	site, db := newSite(t)
	id := one[int64](t, db, `SELECT a.id FROM appointments a JOIN doctors d ON d.id = a."doctorId"
		JOIN appointment_status s ON s.id = a."statusId"
		WHERE a."accountId" = 1 AND d."isBusy" AND s.code = 'CHECKIN' LIMIT 1`)
	answer, body := press(t, site.Handler(), fmt.Sprint(id), `{"account":1,"status":"EM_ATENDIMENTO"}`)
	if answer.Code != http.StatusConflict || sentence(t, body) == "" {
		t.Errorf("got %d %s, want a conflict", answer.Code, body)
	}
	if got := statusOf(t, db, id); got != "CHECKIN" {
		t.Errorf("the appointment is %s, want it unchanged", got)
	}
}

func TestWhatAButtonCannotDo(t *testing.T) {
	site, db := newSite(t)
	booked, serving := anyWith(t, db, "AGENDADO"), anyWith(t, db, "EM_ATENDIMENTO")
	for _, test := range []struct {
		name string
		id   string
		body string
		want int
	}{
		{"finish what has not begun", fmt.Sprint(booked), `{"account":1,"status":"FINALIZADO"}`, http.StatusConflict},
		{"cancel what is under way", fmt.Sprint(serving), `{"account":1,"status":"CANCELADO"}`, http.StatusConflict},
		{"end it twice", fmt.Sprint(anyWith(t, db, "FINALIZADO")), `{"account":1,"status":"FINALIZADO"}`, http.StatusConflict},
		{"another account's", fmt.Sprint(serving), `{"account":2,"status":"FINALIZADO"}`, http.StatusNotFound},
		{"one that does not exist", "2147483647", `{"account":1,"status":"FINALIZADO"}`, http.StatusNotFound},
		{"an unknown status", fmt.Sprint(serving), `{"account":1,"status":"FEITO"}`, http.StatusBadRequest},
		{"a status that no button has", fmt.Sprint(booked), `{"account":1,"status":"FALTOU"}`, http.StatusBadRequest},
		{"an id of zero", "0", `{"account":1,"status":"FINALIZADO"}`, http.StatusBadRequest},
		{"a negative id", "-1", `{"account":1,"status":"FINALIZADO"}`, http.StatusBadRequest},
		{"an id beyond the clinic's", "2147483648", `{"account":1,"status":"FINALIZADO"}`, http.StatusBadRequest},
		{"an id of letters", "abc", `{"account":1,"status":"FINALIZADO"}`, http.StatusBadRequest},
		{"an account beyond the clinic's", fmt.Sprint(serving), `{"account":2147483648,"status":"FINALIZADO"}`, http.StatusBadRequest},
		{"no account", fmt.Sprint(serving), `{"status":"FINALIZADO"}`, http.StatusBadRequest},
		{"not JSON", fmt.Sprint(serving), `status=FINALIZADO`, http.StatusBadRequest},
		{"nothing", fmt.Sprint(serving), ``, http.StatusBadRequest},
		{"an unknown key", fmt.Sprint(serving), `{"account":1,"status":"FINALIZADO","force":true}`, http.StatusBadRequest},
		{"two objects", fmt.Sprint(serving), `{"account":1,"status":"FINALIZADO"}{}`, http.StatusBadRequest},
		{"more than is read", fmt.Sprint(serving), `{"account":1,"status":"` + strings.Repeat("x", 8<<10) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, body := press(t, site.Handler(), test.id, test.body)
			if answer.Code != test.want || sentence(t, body) == "" {
				t.Errorf("got %d %s, want %d and a sentence", answer.Code, body, test.want)
			}
		})
	}
	if statusOf(t, db, booked) != "AGENDADO" || statusOf(t, db, serving) != "EM_ATENDIMENTO" {
		t.Error("a refused request changed something")
	}
}

func TestWhatThePageCannotAsk(t *testing.T) {
	site, _ := newSite(t)
	for target, want := range map[string]int{
		"/api/waiting":                http.StatusBadRequest,
		"/api/waiting?account=x":      http.StatusBadRequest,
		"/api/waiting?account=1%20":   http.StatusBadRequest,
		"/api/waiting?account=99":     http.StatusNotFound,
		"/api/token?account=99":       http.StatusNotFound,
		"/api/token?account=-1":       http.StatusBadRequest,
		"/api/nothing":                http.StatusNotFound,
		"/api/appointments/1/status":  http.StatusNotFound, // not by GET
		"/api/appointments/1/status/": http.StatusNotFound,
	} {
		answer, body := get(t, site.Handler(), target)
		if answer.Code != want || sentence(t, body) == "" {
			t.Errorf("GET %s = %d %s, want %d and a sentence", target, answer.Code, body, want)
		}
	}
}

func TestAPageOfAnotherOriginChangesNothing(t *testing.T) {
	site, db := newSite(t)
	id := anyWith(t, db, "EM_ATENDIMENTO")
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("/api/appointments/%d/status", id),
		strings.NewReader(`{"account":1,"status":"FINALIZADO"}`))
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, body := send(site.Handler(), request)
	if answer.Code != http.StatusForbidden || sentence(t, body) == "" {
		t.Errorf("got %d %s, want 403", answer.Code, body)
	}
	if got := statusOf(t, db, id); got != "EM_ATENDIMENTO" {
		t.Errorf("the appointment is %s, want it unchanged", got)
	}
}

func TestThePageGetsTokenTimeAndAccounts(t *testing.T) {
	site, _ := newSite(t)
	if _, body := get(t, site.Handler(), "/api/token?account=2"); body != `{"token":"token-of-2"}`+"\n" {
		t.Errorf("got %s", body)
	}
	var clock struct{ Now float64 }
	_, body := get(t, site.Handler(), "/api/time")
	if err := json.Unmarshal([]byte(body), &clock); err != nil || math.Abs(clock.Now-float64(time.Now().UnixMilli())) > 60_000 {
		t.Errorf("got %s, %v", body, err)
	}
	var clinic struct {
		Accounts      []struct{ ID int64 }
		Statuses      []struct{ Code string }
		WebSocketPath string
	}
	_, body = get(t, site.Handler(), "/api/clinic")
	if err := json.Unmarshal([]byte(body), &clinic); err != nil {
		t.Fatal(err)
	}
	if len(clinic.Accounts) != 3 || len(clinic.Statuses) != 6 || clinic.WebSocketPath != "/ws" {
		t.Errorf("got %+v", clinic)
	}
}

func TestWhatGoesWrongIsLoggedAndNotShown(t *testing.T) {
	_, pool := seeded(t, midMorning)
	var log strings.Builder
	site := demo.New(demo.Config{
		DB:     pool,
		Token:  func(string) (string, error) { return "", errors.New("the key is gone") },
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	answer, body := get(t, site.Handler(), "/api/token?account=1")
	if answer.Code != http.StatusServiceUnavailable || strings.Contains(body, "key") || sentence(t, body) == "" {
		t.Errorf("got %d %s", answer.Code, body)
	}
	if !strings.Contains(log.String(), "the key is gone") {
		t.Errorf("the log does not have the cause: %s", log.String())
	}
}
