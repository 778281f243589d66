package demo

import (
	"context"
	_ "embed" // the statements below
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	//go:embed sql/waiting.sql
	waitingSQL string
	//go:embed sql/doctors.sql
	doctorsSQL string
	//go:embed sql/totals.sql
	totalsSQL string
	//go:embed sql/status.sql
	statusSQL string
	//go:embed sql/current.sql
	currentSQL string
	//go:embed sql/occupy.sql
	occupySQL string
	//go:embed sql/book.sql
	bookSQL string
)

// instant is a moment in the form that the DTO has too: UTC, milliseconds, Z.
type instant time.Time

func (t instant) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

type account struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type status struct {
	ID    int64  `json:"id"`
	Code  string `json:"code"`
	Name  string `json:"name"`
	Color string `json:"color"`
}

type person struct {
	ID   int64  `json:"id,omitempty"`
	Name string `json:"name"`
}

type doctor struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	IsBusy bool   `json:"isBusy"`
}

type appointment struct {
	ID         int64    `json:"id"`
	StartTime  string   `json:"startTime"`
	EndTime    string   `json:"endTime"`
	UpdatedAt  instant  `json:"updatedAt"`
	Status     status   `json:"status"`
	Doctor     person   `json:"doctor"`
	Patient    person   `json:"patient"`
	Procedures []string `json:"procedures"`
}

// totals is what has become of the day so far.
type totals struct {
	Finished  int64 `json:"finished"`
	Cancelled int64 `json:"cancelled"`
	Missed    int64 `json:"missed"`
}

// desk is the reception: the clinic's own reads and writes. Its methods return
// a refusal for what a person did wrong, and any other error for the database.
type desk struct {
	db  *pgxpool.Pool
	now func() time.Time
}

// today is the day as the clinic stores it: its calendar date, at midnight UTC.
func (d *desk) today() time.Time {
	year, month, day := d.now().Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func (d *desk) accounts(ctx context.Context) ([]account, error) {
	rows, _ := d.db.Query(ctx, `SELECT id, name FROM accounts ORDER BY id`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[account])
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// statuses lists what the clinic calls them, by the ids that events carry.
func (d *desk) statuses(ctx context.Context) ([]status, error) {
	rows, _ := d.db.Query(ctx, `SELECT id, code::text, name, color FROM appointment_status ORDER BY id`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[status])
	if err != nil {
		return nil, fmt.Errorf("list statuses: %w", err)
	}
	return list, nil
}

// knows returns a refusalError when there is no such account.
func (d *desk) knows(ctx context.Context, id int64) error {
	var found bool
	err := d.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM accounts WHERE id = $1)`, id).Scan(&found)
	if err != nil {
		return fmt.Errorf("look up account %d: %w", id, err)
	}
	if !found {
		return refusalError{http.StatusNotFound, "Não existe esta conta."}
	}
	return nil
}

// waiting lists what is still open today, by time.
func (d *desk) waiting(ctx context.Context, account int64) ([]appointment, error) {
	rows, _ := d.db.Query(ctx, waitingSQL, account, d.today())
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (appointment, error) {
		var a appointment
		err := row.Scan(&a.ID, &a.StartTime, &a.EndTime, (*time.Time)(&a.UpdatedAt),
			&a.Status.ID, &a.Status.Code, &a.Status.Name, &a.Status.Color,
			&a.Doctor.ID, &a.Doctor.Name, &a.Patient.Name, &a.Procedures)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("list waiting of account %d: %w", account, err)
	}
	return list, nil
}

func (d *desk) doctors(ctx context.Context, account int64) ([]doctor, error) {
	rows, _ := d.db.Query(ctx, doctorsSQL, account)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[doctor])
	if err != nil {
		return nil, fmt.Errorf("list doctors of account %d: %w", account, err)
	}
	return list, nil
}

func (d *desk) totals(ctx context.Context, account int64) (totals, error) {
	var t totals
	err := d.db.QueryRow(ctx, totalsSQL, account, d.today()).Scan(&t.Finished, &t.Cancelled, &t.Missed)
	if err != nil {
		return t, fmt.Errorf("count day of account %d: %w", account, err)
	}
	return t, nil
}

// clock is the database's clock, which is the one that stamps "updatedAt".
func (d *desk) clock(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := d.db.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return now, fmt.Errorf("read database clock: %w", err)
	}
	return now, nil
}

// move brings an appointment to another status, as the clinic's application
// does: a plain UPDATE, committed, and nobody told.
func (d *desk) move(ctx context.Context, account, id int64, to string) error {
	from, ok := comesFrom[to]
	if !ok {
		return refusalError{http.StatusBadRequest, "Situação desconhecida."}
	}
	if to == statusServing {
		return d.serve(ctx, account, id)
	}
	var doctor int64
	err := d.db.QueryRow(ctx, statusSQL, id, account, to, from).Scan(&doctor)
	if errors.Is(err, pgx.ErrNoRows) {
		return d.explain(ctx, account, id)
	}
	if err != nil {
		return fmt.Errorf("move appointment %d: %w", id, err)
	}
	return nil
}

// serve starts an appointment and marks its doctor busy, both or neither.
func (d *desk) serve(ctx context.Context, account, id int64) error {
	missing := false
	err := pgx.BeginFunc(ctx, d.db, func(tx pgx.Tx) error {
		var doctor int64
		err := tx.QueryRow(ctx, statusSQL, id, account, statusServing, comesFrom[statusServing]).Scan(&doctor)
		if errors.Is(err, pgx.ErrNoRows) {
			missing = true
			return nil
		}
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, occupySQL, doctor).Scan(&doctor)
		if errors.Is(err, pgx.ErrNoRows) {
			return refusalError{http.StatusConflict, "Quem vai atender está com outra pessoa agora."}
		}
		return err
	})
	if missing {
		return d.explain(ctx, account, id)
	}
	if err != nil {
		return fmt.Errorf("start appointment %d: %w", id, err)
	}
	return nil
}

// explain says why an appointment could not be moved.
func (d *desk) explain(ctx context.Context, account, id int64) error {
	var code, name string
	err := d.db.QueryRow(ctx, currentSQL, id, account).Scan(&code, &name)
	if errors.Is(err, pgx.ErrNoRows) {
		return refusalError{http.StatusNotFound, "Este agendamento não existe nesta conta."}
	}
	if err != nil {
		return fmt.Errorf("look up appointment %d: %w", id, err)
	}
	return refusalError{http.StatusConflict, "Não é possível: a situação deste agendamento é “" + name + "”."}
}

// book adds an appointment for today and reports whether there was a patient
// left to book.
func (d *desk) book(ctx context.Context, account int64, start, end string, procedures int) (bool, error) {
	tag, err := d.db.Exec(ctx, bookSQL, account, d.today(), start, end, procedures)
	if err != nil {
		return false, fmt.Errorf("book appointment of account %d: %w", account, err)
	}
	return tag.RowsAffected() > 0, nil
}
