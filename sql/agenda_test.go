package sql_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"notifier/sql/pgtest"
)

const (
	doctora  = "5d3c9c0e-9d5b-4a6c-8a43-0a5d2a9a7a01"
	visitOne = "0b8a8f5e-6f0a-4e0c-9a2a-7d9f3c1b2e01"
	visitTwo = "0b8a8f5e-6f0a-4e0c-9a2a-7d9f3c1b2e02"
	bigID    = int64(9_007_199_254_740_991) // the largest account that a token carries as a number
)

func newAgenda(t *testing.T) (db *pgtest.DB, app, runtime *pgx.Conn) {
	t.Helper()
	db = pgtest.Agenda(t)
	db.Exec(pgtest.Owner, fmt.Sprintf(`
		INSERT INTO agenda.clinic VALUES (%[1]d, 'Clínica');
		INSERT INTO agenda.professional VALUES ('%[2]s', %[1]d, 'Dra. Ana', true);
		INSERT INTO agenda.person (full_name, mobile) VALUES ('João Silva', '(81) 99999-9999'), ('Sem Telefone', NULL);
		INSERT INTO agenda.service VALUES (2, 'Retorno', 0), (1, 'Consulta', 150.50);
		INSERT INTO agenda.visit (visit_id, clinic_id, professional_id, person_id, state, begins_on, begins_at, ends_at, created_at)
		VALUES ('%[3]s', %[1]d, '%[2]s', 1, 'arrived', '2025-01-23 00:00-03', '09:00', '09:15', '2025-01-22 10:00-03'),
		       ('%[4]s', %[1]d, '%[2]s', 2, 'booked',  '2025-01-23 00:00-03', '09:15', '09:30', '2025-01-22 10:00-03');
		INSERT INTO agenda.visit_service VALUES ('%[3]s', 2), ('%[3]s', 1)`, bigID, doctora, visitOne, visitTwo))
	return db, db.Connect(pgtest.App), db.Connect(pgtest.AgendaRuntime)
}

func TestASchemaUnlikeTheDefaultGoesTheWholeWay(t *testing.T) {
	t.Parallel()
	db, app, runtime := newAgenda(t)
	bells := db.Connect(pgtest.AgendaRuntime)
	execute(t, bells, `LISTEN notifier_bell`)

	execute(t, app, `UPDATE agenda.visit SET state = 'in_room' WHERE visit_id = $1`, visitTwo)
	execute(t, app, `UPDATE agenda.visit SET state = 'done' WHERE visit_id = $1`, visitOne)
	n, err := bells.WaitForNotification(t.Context())
	payload := fmt.Sprintf(`{"v":1,"appointmentId":"%s","accountId":%d,"doctorId":"%s","action":"done"}`, visitOne, bigID, doctora)
	if err != nil || n.Payload != payload {
		t.Errorf("bell %v, %v; want %s", n, err, payload)
	}

	execute(t, runtime, `SELECT * FROM notifier.pump(10)`)
	got := value[string](t, runtime, `SELECT concat_ws(' ', seq, account_id, appointment_id, doctor_id, from_status, status, event) FROM notifier.event`)
	if want := fmt.Sprintf("1 %d %s %s arrived done appointmnents.finished", bigID, visitOne, doctora); got != want {
		t.Errorf("event %s, want %s", got, want)
	}
	for _, step := range []struct{ do, want string }{
		{`SELECT 1`, "[{1  guarded}]"},
		{`UPDATE agenda.visit SET state = 'called_off' WHERE visit_id = '` + visitTwo + `'`, "[{1 released }]"},
	} {
		execute(t, app, step.do)
		execute(t, runtime, `SELECT * FROM notifier.pump(10)`)
		rows, err := release(runtime, 1)
		if got := fmt.Sprint(rows); err != nil || got != step.want {
			t.Errorf("release after %s: %s, %v; want %s", step.do, got, err, step.want)
		}
	}
	if pgtest.Get[bool](db, `SELECT in_session FROM agenda.professional`) {
		t.Error("the doctor is still busy")
	}
}

func TestTheViewOfAnotherSchemaHasTheSameColumns(t *testing.T) {
	t.Parallel()
	_, app, runtime := newAgenda(t)
	execute(t, app, `UPDATE agenda.visit SET state = 'done'`)
	execute(t, runtime, `SET TimeZone = 'UTC'`)
	for _, x := range []struct{ id, want string }{
		{visitOne, `{"date":"2025-01-23T03:00:00+00:00","start_time":"09:00:00","end_time":"09:15:00","notes":null,
			"created_at":"2025-01-22T13:00:00+00:00","deleted_at":null,"doctor_name":"Dra. Ana","patient_id":1,"patient_name":"João Silva",
			"has_contact":true,"contact_phone":"(81) 99999-9999","status_id":"done","status_name":"done","status_color":null,
			"procedures":[{"id":1,"name":"Consulta","price":"150.5"},{"id":2,"name":"Retorno","price":"0"}]}`},
		{visitTwo, `{"date":"2025-01-23T03:00:00+00:00","start_time":"09:15:00","end_time":"09:30:00","notes":null,
			"created_at":"2025-01-22T13:00:00+00:00","deleted_at":null,"doctor_name":"Dra. Ana","patient_id":2,"patient_name":"Sem Telefone",
			"has_contact":true,"contact_phone":null,"status_id":"done","status_name":"done","status_color":null,"procedures":[]}`},
	} {
		got := value[string](t, runtime, `SELECT jsonb_pretty(to_jsonb(d) - 'id' - 'account_id' - 'doctor_id' - 'updated_at')
			FROM notifier.appointment_dto AS d WHERE d.id = $1`, x.id)
		want := value[string](t, runtime, `SELECT jsonb_pretty($1::text::jsonb)`, x.want)
		if got != want {
			t.Errorf("visit %s:\n%s\nwant\n%s", x.id, got, want)
		}
	}
}

func TestTheViewHasOneRowForEachAppointmentWhateverHangsOnIt(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, checkin)
	c.Exec(pgtest.Owner, `ALTER TABLE contacts DROP CONSTRAINT "contacts_patientId_key"; CREATE INDEX ON contacts ("patientId");
		ALTER TABLE appointments DROP CONSTRAINT "appointments_doctorId_fkey"`)
	for _, step := range []struct {
		what, do, want string
	}{
		{"nothing", ``, `{"has_contact":false,"contact_phone":null,"doctor_name":"Dr. Victor","procedures":[]}`},
		{"two contacts", `INSERT INTO contacts ("patientId", phone) VALUES (1, '(81) 2'), (1, '(81) 1'), (1, NULL)`,
			`{"has_contact":true,"contact_phone":"(81) 1","doctor_name":"Dr. Victor","procedures":[]}`},
		{"a contact without a phone", `DELETE FROM contacts WHERE phone IS NOT NULL`,
			`{"has_contact":true,"contact_phone":null,"doctor_name":"Dr. Victor","procedures":[]}`},
		{"no doctor", `DELETE FROM doctors WHERE id = 1`, `{"has_contact":true,"contact_phone":null,"doctor_name":null,"procedures":[]}`},
		{"three procedures", `INSERT INTO procedures (name, price) VALUES ('C', 100), ('B', 99.90), ('A', 0.001);
			INSERT INTO appointment_procedures ("appointmentId", "procedureId") VALUES (1, 3), (1, 1), (1, 2)`,
			`{"has_contact":true,"contact_phone":null,"doctor_name":null,"procedures":[{"id":1,"name":"C","price":"100"},
			{"id":2,"name":"B","price":"99.9"},{"id":3,"name":"A","price":"0.001"}]}`},
	} {
		c.Exec(pgtest.Owner, step.do)
		rows, _ := c.runtime.Query(context.Background(), `SELECT jsonb_build_object('has_contact', has_contact,
			'contact_phone', contact_phone, 'doctor_name', doctor_name, 'procedures', procedures)::text
			FROM notifier.appointment_dto WHERE id = $1`, id)
		got, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
		if err != nil || !sameJSON(t, got, step.want) {
			t.Errorf("%s: %s, %v; want %s", step.what, got, err, step.want)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var texts [2]string
	for i, text := range []string{a, b} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		sorted, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(sorted)
	}
	return texts[0] == texts[1]
}

func TestAClinicWithoutTheOptionalTablesAndColumnsIsServed(t *testing.T) {
	t.Parallel()
	db := textClinic(t, "", "text")
	db.Exec(pgtest.Owner, `INSERT INTO appointments (id, "statusId") VALUES ('a', 'CHECKIN')`)
	got := value[string](t, db.Connect(pgtest.Runtime), `SELECT to_jsonb(d)::text FROM notifier.appointment_dto AS d WHERE id = 'a'`)
	for _, want := range []string{`"start_time": null`, `"deleted_at": null`, `"has_contact": false`, `"procedures": []`, `"status_name": "CHECKIN"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the view gives %s, want %s in it", got, want)
		}
	}
}
