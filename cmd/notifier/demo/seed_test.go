package demo_test

import (
	"errors"
	"testing"
	"time"

	"notifier/cmd/notifier/demo"
	"notifier/sql/pgtest"
)

func TestSeedFillsAClinicInTheMiddleOfItsDay(t *testing.T) {
	for _, test := range []struct {
		name string
		now  time.Time
	}{
		{"in the morning", midMorning},
		{"in the afternoon", midMorning.Add(5 * time.Hour)},
		{"by night", midMorning.Add(-8 * time.Hour)},
		{"just before midnight", midMorning.Add(13*time.Hour + 18*time.Minute)},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, db := seeded(t, test.now)
			if got := one[int](t, db, `SELECT count(*) FROM accounts`); got != 3 {
				t.Errorf("got %d accounts, want 3", got)
			}
			if got := one[int](t, db, `SELECT count(*) FROM appointments`); got < 250 || got > 400 {
				t.Errorf("got %d appointments, want a few hundred", got)
			}
			// What a reception needs to look alive, in every account.
			for status, least := range map[string]int{
				"AGENDADO": 8, "CHECKIN": 2, "EM_ATENDIMENTO": 2, "FINALIZADO": 10,
			} {
				got := one[int](t, db, `SELECT min(n) FROM (
					SELECT count(*) FILTER (WHERE s.code::text = $1) AS n
					FROM appointments a JOIN appointment_status s ON s.id = a."statusId"
					GROUP BY a."accountId") counts`, status)
				if got < least {
					t.Errorf("an account has %d appointments %s, want at least %d", got, status, least)
				}
			}
			for _, status := range []string{"FALTOU", "CANCELADO"} {
				if got := one[int](t, db, `SELECT count(*) FROM appointments a
					JOIN appointment_status s ON s.id = a."statusId" WHERE s.code::text = $1`, status); got < 3 {
					t.Errorf("got %d appointments %s, want some", got, status)
				}
			}
			for rule, query := range map[string]string{
				"every appointment is of today": `SELECT count(*) FROM appointments
					WHERE date <> '2025-05-14'`,
				"a doctor is busy if and only if somebody is with him": `SELECT count(*) FROM doctors d
					WHERE d."isBusy" <> EXISTS (SELECT FROM appointments a JOIN appointment_status s ON s.id = a."statusId"
						WHERE a."doctorId" = d.id AND s.code = 'EM_ATENDIMENTO')`,
				"a doctor has one patient at a time": `SELECT count(*) FROM (SELECT FROM appointments a
					JOIN appointment_status s ON s.id = a."statusId" WHERE s.code = 'EM_ATENDIMENTO'
					GROUP BY "doctorId" HAVING count(*) > 1) doubled`,
				"a patient comes once": `SELECT count(*) - count(DISTINCT "patientId") FROM appointments`,
				"all of an appointment is of one account": `SELECT count(*) FROM appointments a
					JOIN doctors d ON d.id = a."doctorId" JOIN patients p ON p.id = a."patientId"
					WHERE a."accountId" <> d."accountId" OR a."accountId" <> p."accountId"`,
				"every appointment has a procedure": `SELECT count(*) FROM appointments a
					WHERE NOT EXISTS (SELECT FROM appointment_procedures p WHERE p."appointmentId" = a.id)`,
				"times are of a clinic's day": `SELECT count(*) FROM appointments
					WHERE "startTime" !~ '^(0[7-9]|1[0-8]):[0-5][05]$' OR "endTime" <= "startTime"`,
				"no phone can be anybody's": `SELECT count(*) FROM contacts
					WHERE phone !~ '^\((81|11|31)\) 90000-\d{4}$'`,
				"a change follows the creation": `SELECT count(*) FROM appointments WHERE "updatedAt" < "createdAt"`,
			} {
				if got := one[int](t, db, query); got != 0 {
					t.Errorf("%s: not so for %d", rule, got)
				}
			}
			if got := one[time.Time](t, db, `SELECT max("updatedAt") FROM appointments`); got.After(test.now) {
				t.Errorf("a change lies in the future: %v", got)
			}
		})
	}
}

func TestSeedOfTheSameTimeIsTheSame(t *testing.T) {
	const all = `SELECT md5(string_agg(line, E'\n' ORDER BY line)) FROM (
		SELECT 'a' || a::text AS line FROM appointments a
		UNION ALL SELECT 'd' || d::text FROM doctors d
		UNION ALL SELECT 'p' || p::text FROM patients p
		UNION ALL SELECT 'c' || c::text FROM contacts c
		UNION ALL SELECT 'x' || x::text FROM appointment_procedures x) lines`
	_, first := seeded(t, midMorning)
	_, second := seeded(t, midMorning)
	_, later := seeded(t, midMorning.Add(3*time.Hour))
	if one[string](t, first, all) != one[string](t, second, all) {
		t.Error("two clinics seeded at the same time differ")
	}
	if one[string](t, first, all) == one[string](t, later, all) {
		t.Error("three hours later the clinic is where it was")
	}
}

func TestSeedLeavesTheSequencesBehindItsIds(t *testing.T) {
	db, pool := seeded(t, midMorning)
	db.Exec(pgtest.App, `INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		VALUES ('2025-05-14', '09:00', '09:15', 1, 1, 1, 1)`)
	if got := one[int](t, pool, `SELECT max(id) - count(*) FROM appointments`); got != 0 {
		t.Errorf("ids skip %d", got)
	}
}

func TestSeedRefusesAClinicThatIsNotEmpty(t *testing.T) {
	db := pgtest.Clinic(t)
	db.Exec(pgtest.Owner, `INSERT INTO accounts (name) VALUES ('a real one')`)
	owner := db.Pool(pgtest.Owner)
	if err := demo.Seed(t.Context(), owner, midMorning); !errors.Is(err, demo.ErrNotEmpty) {
		t.Errorf("got error %v, want ErrNotEmpty", err)
	}
	if got := one[int](t, owner, `SELECT count(*) FROM doctors`); got != 0 {
		t.Errorf("got %d doctors, want none", got)
	}
}
