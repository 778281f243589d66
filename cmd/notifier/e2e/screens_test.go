package e2e

import (
	"os"
	"strings"
	"testing"

	"notifier/sql/pgtest"
)

// schema is a clinic's database and what the same test needs to say to it.
type schema struct {
	name     string
	open     func(testing.TB) *pgtest.DB
	runtime  string
	rows     string // an appointment that waits in account 1, one in account 2, both doctors busy
	finish   string // the first ends
	other    string // the second ends
	busy     string // how many doctors are busy
	golden   string // what account 1 is sent
	otherKey string // a piece of what account 2 is sent
}

var schemas = []schema{
	{
		name: "the platform's own", open: clinic, runtime: pgtest.Runtime,
		rows: `
			INSERT INTO appointments (id, date, "startTime", "endTime", notes, "accountId", "doctorId", "patientId", "statusId",
			                          "createdAt", "updatedAt")
			VALUES (123, '2025-01-23', '09:00', '09:15', 'Observações sobre o agendamento', 1, 1, 456, 2,
			        '2025-01-22 10:00', '2025-01-22 10:00'),
			       (200, '2025-01-23', '09:00', '09:15', NULL, 2, 2, 457, 2, '2025-01-22 10:00', '2025-01-22 10:00');
			INSERT INTO appointment_procedures ("appointmentId", "procedureId") VALUES (123, 3699)`,
		finish:   `UPDATE appointments SET "statusId" = 5, "updatedAt" = '2025-01-23 09:15' WHERE id = 123`,
		other:    `UPDATE appointments SET "statusId" = 5 WHERE id = 200`,
		busy:     `SELECT count(*) FROM doctors WHERE "isBusy"`,
		golden:   "testdata/appointment.json",
		otherKey: `"id":200,`,
	},
	{
		name: "another one", open: pgtest.Agenda, runtime: pgtest.AgendaRuntime,
		rows: `
			INSERT INTO agenda.clinic VALUES (1, 'Clínica Um'), (2, 'Clínica Dois');
			INSERT INTO agenda.professional VALUES
			       ('00000000-0000-4000-8000-000000000001', 1, 'Dr. Victor', true),
			       ('00000000-0000-4000-8000-000000000002', 2, 'Dra. Ana', true);
			INSERT INTO agenda.person (full_name, mobile) VALUES ('João Silva', '(81) 99999-9999'), ('Maria Souza', NULL);
			INSERT INTO agenda.service VALUES (7, 'Consulta', 99.90), (3, 'Ultrassom', 100.00);
			INSERT INTO agenda.visit VALUES
			       ('00000000-0000-4000-8000-000000000123', 1, '00000000-0000-4000-8000-000000000001', 1, 'arrived',
			        '2025-01-23 00:00-03', '09:00', '09:15', 'Observações', '2025-01-22 07:00-03', '2025-01-22 07:00-03', NULL),
			       ('00000000-0000-4000-8000-000000000200', 2, '00000000-0000-4000-8000-000000000002', 2, 'arrived',
			        '2025-01-23 00:00-03', '09:00', '09:15', NULL, '2025-01-22 07:00-03', '2025-01-22 07:00-03', NULL);
			INSERT INTO agenda.visit_service VALUES
			       ('00000000-0000-4000-8000-000000000123', 7), ('00000000-0000-4000-8000-000000000123', 3)`,
		finish: `UPDATE agenda.visit SET state = 'done', updated_at = '2025-01-23 09:15+00'
			WHERE visit_id = '00000000-0000-4000-8000-000000000123'`,
		other:    `UPDATE agenda.visit SET state = 'done' WHERE visit_id = '00000000-0000-4000-8000-000000000200'`,
		busy:     `SELECT count(*) FROM agenda.professional WHERE in_session`,
		golden:   "testdata/visit.json",
		otherKey: `"id":"00000000-0000-4000-8000-000000000200",`,
	},
}

func TestACommitReachesEveryScreenOfItsAccountAndNoOther(t *testing.T) {
	for _, schema := range schemas {
		t.Run(schema.name, func(t *testing.T) { schema.reachesEveryScreen(t) })
	}
}

func (s schema) reachesEveryScreen(t *testing.T) {
	db := s.open(t)
	db.Exec(pgtest.Superuser, s.rows)
	p := serveReady(t, db, "--database-url", db.URL(s.runtime))
	header, _ := join(t, p.addr, "1", "")
	screens := map[string]*screen{
		"header": header, "subprotocol": joinBySubprotocol(t, p.addr, "1"), "message": joinByMessage(t, p.addr, "1"),
	}
	other, _ := join(t, p.addr, "2", "")

	db.Exec(pgtest.App, s.finish)
	want, err := os.ReadFile(s.golden)
	if err != nil {
		t.Fatal(err)
	}
	for name, screen := range screens {
		got := screen.event()
		if got.Event != "appointmnents.finished" || string(got.Data) != strings.TrimSpace(string(want)) || got.ID == "" {
			t.Errorf("screen by %s got %s %s\n%s\nwant\n%s", name, got.ID, got.Event, got.Data, want)
		}
	}
	db.Exec(pgtest.App, s.other)
	if got := other.event(); !strings.Contains(string(got.Data), s.otherKey) {
		t.Errorf("account 2 was sent %s, want its own appointment first", got.Data)
	}
	if busy := pgtest.Get[int](db, s.busy); busy != 0 {
		t.Errorf("%d doctors are still busy after their events were delivered", busy)
	}
	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v; its log: %s", err, p.logs.text())
	}
	assertPrivate(t, p.logs.text())
}
