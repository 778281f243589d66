package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNotEmpty is returned by Seed for a database that has accounts already.
var ErrNotEmpty = errors.New("the clinic's tables are not empty")

const (
	patientsPerClinic = 150
	slotMinutes       = 30
)

// Seed fills the clinic's tables, which must exist and be empty, with three
// accounts in the middle of a working day: who has been seen, who is being
// seen, who sits on the chairs and who is still to come, seen from the time of
// day of today (moved into opening hours if it lies outside them). The same
// today gives the same clinic, ids included. It is all or nothing.
//
// The role must own the tables, since their sequences are moved past the ids.
// Seed before notifier's migrations: with the trigger in place every
// appointment that is born finished would be an event.
func Seed(ctx context.Context, db *pgxpool.Pool, today time.Time) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		s := seeder{tx: tx, rand: rand.New(rand.NewPCG(1, 2)), today: today} //nolint:gosec // the same clinic every time
		return s.seed(ctx)
	})
	if err != nil {
		return fmt.Errorf("seed clinic: %w", err)
	}
	return nil
}

// seeder collects rows, ids included, and copies them table by table.
type seeder struct {
	tx    pgx.Tx
	rand  *rand.Rand
	today time.Time

	statuses                                       map[string]int32
	accounts, doctors, patients, contacts, catalog [][]any
	appointments, booked                           [][]any
}

func (s *seeder) seed(ctx context.Context) error {
	var taken bool
	if err := s.tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM accounts)`).Scan(&taken); err != nil {
		return err
	}
	if taken {
		return ErrNotEmpty
	}
	if err := s.readStatuses(ctx); err != nil {
		return err
	}
	for _, p := range procedures {
		var price pgtype.Numeric
		if err := price.Scan(p.price); err != nil {
			return fmt.Errorf("price of %s: %w", p.name, err)
		}
		s.catalog = append(s.catalog, []any{len(s.catalog) + 1, p.name, price})
	}
	for _, c := range clinics {
		s.addClinic(c)
	}
	return s.copyAll(ctx)
}

func (s *seeder) readStatuses(ctx context.Context) error {
	rows, err := s.tx.Query(ctx, `SELECT code::text, id FROM appointment_status`)
	if err != nil {
		return err
	}
	s.statuses = make(map[string]int32)
	var code string
	var id int32
	_, err = pgx.ForEachRow(rows, []any{&code, &id}, func() error {
		s.statuses[code] = id
		return nil
	})
	return err
}

// addClinic adds an account with its people and its day.
func (s *seeder) addClinic(c clinic) {
	account := len(s.accounts) + 1
	s.accounts = append(s.accounts, []any{account, c.name})
	firstPatient := len(s.patients) + 1
	for _, name := range s.patientNames(patientsPerClinic) {
		patient := len(s.patients) + 1
		s.patients = append(s.patients, []any{patient, account, name})
		if s.rand.IntN(12) == 0 {
			continue // nobody wrote a number down
		}
		// No mobile number in Brazil begins with 90000.
		phone := fmt.Sprintf("(%s) 90000-%04d", c.areaCode, s.rand.IntN(10000))
		s.contacts = append(s.contacts, []any{len(s.contacts) + 1, patient, phone})
	}
	queue := s.rand.Perm(patientsPerClinic)
	for i, name := range c.doctors {
		day := s.plan(i)
		doctor := len(s.doctors) + 1
		busy := false
		for _, visit := range day {
			busy = busy || visit.status == statusServing
			patient := firstPatient + queue[0]
			queue = queue[1:]
			s.addVisit(account, doctor, patient, visit)
		}
		s.doctors = append(s.doctors, []any{doctor, account, name, busy})
	}
}

// patientNames invents n different names.
func (s *seeder) patientNames(n int) []string {
	seen := make(map[string]bool, n)
	names := make([]string, 0, n)
	for len(names) < n {
		name := pick(s.rand, givenNames) + " " + pick(s.rand, familyNames)
		if s.rand.IntN(3) == 0 {
			name += " " + pick(s.rand, familyNames)
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func (s *seeder) addVisit(account, doctor, patient int, v visit) {
	id := len(s.appointments) + 1
	year, month, day := s.today.Date()
	date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	created := date.AddDate(0, 0, -2-s.rand.IntN(30)).Add(time.Duration(11+s.rand.IntN(9)) * time.Hour)
	updated := created
	if v.status != statusBooked {
		// As long ago as it is on the clinic's clock, and never in the
		// future, which a demo started by night would get otherwise.
		ago := time.Duration(deskTime(s.today)-v.changed) * time.Minute
		updated = s.today.Add(-ago).UTC().Truncate(time.Millisecond)
	}
	var notes *string
	if s.rand.IntN(4) == 0 {
		remark := pick(s.rand, remarks)
		notes = &remark
	}
	s.appointments = append(s.appointments, []any{
		id, date, clockText(v.start), clockText(v.start + v.length), notes,
		account, doctor, patient, s.statuses[v.status], created, updated,
	})
	for _, p := range s.rand.Perm(len(procedures))[:1+s.rand.IntN(5)/4] {
		s.booked = append(s.booked, []any{len(s.booked) + 1, id, p + 1})
	}
}

func (s *seeder) copyAll(ctx context.Context) error {
	for _, table := range []struct {
		name    string
		columns []string
		rows    [][]any
	}{
		{"accounts", []string{"id", "name"}, s.accounts},
		{"doctors", []string{"id", "accountId", "name", "isBusy"}, s.doctors},
		{"patients", []string{"id", "accountId", "name"}, s.patients},
		{"contacts", []string{"id", "patientId", "phone"}, s.contacts},
		{"procedures", []string{"id", "name", "price"}, s.catalog},
		{"appointments", []string{"id", "date", "startTime", "endTime", "notes", "accountId", "doctorId",
			"patientId", "statusId", "createdAt", "updatedAt"}, s.appointments},
		{"appointment_procedures", []string{"id", "appointmentId", "procedureId"}, s.booked},
	} {
		if _, err := s.tx.CopyFrom(ctx, pgx.Identifier{table.name}, table.columns, pgx.CopyFromRows(table.rows)); err != nil {
			return fmt.Errorf("copy %s: %w", table.name, err)
		}
		// The ids were ours: the sequence goes on after them.
		_, err := s.tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence($1, 'id'), $2)`, table.name, len(table.rows))
		if err != nil {
			return fmt.Errorf("advance sequence of %s: %w", table.name, err)
		}
	}
	return nil
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
