package main

import (
	"context"
	_ "embed"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed change.sql
var changeSQL string

//go:embed born.sql
var bornSQL string

//go:embed attend.sql
var attendSQL string

//go:embed move.sql
var moveSQL string

// writerPatience is how long a writer waits for one transaction: longer than any fault that makes it wait.
const writerPatience = 90 * time.Second

// writer is one connection of the clinic's application.
type writer struct {
	clinic *clinic
	began  time.Time
	rand   *rand.Rand
	conn   *pgx.Conn
}

// kinds are the ways in which a clinic writes, and how often of a hundred.
var kinds = []struct {
	share int
	write func(*writer, context.Context) (changes int64, err error)
}{
	{42, (*writer).one},
	{20, (*writer).slowly},
	{8, (*writer).rollBack},
	{7, (*writer).savepoint},
	{10, (*writer).attend},
	{5, (*writer).many},
	{5, (*writer).born},
	{3, (*writer).move},
}

// errRollBack ends a transaction that never was meant to be committed.
var errRollBack = errors.New("the writer has changed its mind")

func (w *writer) run(ctx context.Context) error {
	defer func() {
		if w.conn != nil {
			_ = w.conn.Close(context.WithoutCancel(ctx)) // the server may be gone
		}
	}()
	for ctx.Err() == nil {
		ahead := float64(w.clinic.changes.Load())/w.clinic.rate - time.Since(w.began).Seconds()
		if ahead > 0 && pause(ctx, time.Duration(min(ahead, 0.1)*float64(time.Second))) != nil {
			return nil
		}
		w.write(ctx)
	}
	return nil
}

// write makes one transaction. What was begun is brought to its end also when the clinic closes.
func (w *writer) write(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writerPatience)
	defer cancel()
	if w.conn == nil {
		if err := w.connect(ctx); err != nil {
			w.clinic.failed(err)
			_ = pause(ctx, 50*time.Millisecond) // too short to be cut
			return
		}
	}
	roll := w.rand.IntN(100)
	for _, kind := range kinds {
		if roll -= kind.share; roll >= 0 {
			continue
		}
		changes, err := kind.write(w, ctx)
		switch {
		case err == nil:
			w.clinic.changes.Add(changes)
		case errors.Is(err, errRollBack):
		case w.clinic.failed(err):
			_ = w.conn.Close(ctx) // it is gone already
			w.conn = nil
		}
		return
	}
}

func (w *writer) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, w.clinic.url())
	w.conn = conn
	return err
}

// one changes one appointment in a transaction of its own.
func (w *writer) one(ctx context.Context) (int64, error) {
	return change(ctx, w.conn, w.pick(1), w.status())
}

// slowly has its transaction id long before it commits, and keeps rows locked meanwhile.
func (w *writer) slowly(ctx context.Context) (changes int64, err error) {
	err = pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_current_xact_id()"); err != nil {
			return err
		}
		for _, id := range w.pick(2 + w.rand.IntN(3)) {
			n, err := change(ctx, tx, []int32{id}, w.status())
			if err != nil {
				return err
			}
			changes += n
			_ = pause(ctx, upTo(w.rand, 8*time.Millisecond)) // an application that thinks
		}
		return nil
	})
	return changes, err
}

func (w *writer) rollBack(ctx context.Context) (int64, error) {
	return 0, pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		if _, err := change(ctx, tx, w.pick(1+w.rand.IntN(3)), w.status()); err != nil {
			return err
		}
		_ = pause(ctx, upTo(w.rand, 5*time.Millisecond)) // an application that thinks
		return errRollBack
	})
}

// savepoint takes the middle one of three changes back.
func (w *writer) savepoint(ctx context.Context) (changes int64, err error) {
	ids := w.pick(3)
	err = pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		first, err := change(ctx, tx, ids[:1], w.status())
		if err != nil {
			return err
		}
		err = pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
			if _, err := change(ctx, inner, ids[1:2], w.status()); err != nil {
				return err
			}
			return errRollBack
		})
		if !errors.Is(err, errRollBack) {
			return err
		}
		last, err := change(ctx, tx, ids[2:], w.status())
		changes = first + last
		return err
	})
	return changes, err
}

// attend begins a service: the appointment is being served and its doctor is busy.
func (w *writer) attend(ctx context.Context) (int64, error) {
	return 0, pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		id := w.pick(1)
		if _, err := change(ctx, tx, id, "EM_ATENDIMENTO"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, attendSQL, id[0])
		return err
	})
}

// many changes up to 30 appointments with one statement.
func (w *writer) many(ctx context.Context) (int64, error) {
	return change(ctx, w.conn, w.pick(10+w.rand.IntN(20)), w.status())
}

func (w *writer) born(ctx context.Context) (int64, error) {
	tag, err := w.conn.Exec(ctx, bornSQL, w.pick(1)[0])
	return tag.RowsAffected(), err
}

// move gives an appointment to another account, a moment after it may have ended: what is sent of the one is not for
// the screens of the other.
func (w *writer) move(ctx context.Context) (int64, error) {
	id := w.pick(1)
	changes, err := change(ctx, w.conn, id, w.status())
	if err != nil {
		return 0, err
	}
	_, err = w.conn.Exec(ctx, moveSQL, id[0])
	return changes, err
}

// status is one that ends an appointment, four times of five.
func (w *writer) status() string {
	return []string{"FINALIZADO", "FINALIZADO", "CANCELADO", "FINALIZADO", "CHECKIN"}[w.rand.IntN(5)]
}

// pick is n different appointments in the order in which the clinic locks them.
func (w *writer) pick(n int) []int32 {
	ids := make([]int32, 0, n)
	for len(ids) < n {
		if id := 1 + w.rand.Int32N(appointments); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// change returns how many terminal changes it made.
func change(ctx context.Context, db interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, ids []int32, status string,
) (int64, error) {
	tag, err := db.Exec(ctx, changeSQL, ids, status)
	return tag.RowsAffected(), err
}
