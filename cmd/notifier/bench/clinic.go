package bench

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

var (
	//go:embed sql/accounts.sql
	accountsSQL string
	//go:embed sql/ids.sql
	idsSQL string
	//go:embed sql/doctors.sql
	doctorsSQL string
	//go:embed sql/appointments.sql
	appointmentsSQL string
	//go:embed sql/procedures.sql
	proceduresSQL string
	//go:embed sql/finalise.sql
	finaliseSQL string
	//go:embed sql/remove.sql
	removeSQL string
)

// clinic is what the generator adds to the clinic's database: so many appointments of each of its accounts, in one row of ids.
type clinic struct {
	url       string
	accounts  []int64
	each      int // appointments of an account
	first     int64
	doctor    int64 // the first
	procedure int64
}

// seed makes accounts with at least n appointments together.
func seed(ctx context.Context, url string, accounts, n int) (c *clinic, err error) {
	c = &clinic{url: url, each: (n + accounts - 1) / accounts}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("open the clinic's database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return c.fill(ctx, tx, accounts) })
	if err == nil {
		_, err = conn.Exec(ctx, "ANALYZE doctors, patients, appointments, appointment_procedures")
	}
	if err != nil {
		return nil, fmt.Errorf("add accounts and appointments to the clinic: %w", err)
	}
	return c, nil
}

func (c *clinic) fill(ctx context.Context, tx pgx.Tx, accounts int) (err error) {
	if err := tx.QueryRow(ctx, accountsSQL, accounts).Scan(&c.accounts); err != nil {
		return err
	}
	if c.count() == 0 {
		return nil
	}
	if c.doctor, err = reserve(ctx, tx, "doctors", c.count()); err != nil {
		return err
	}
	if c.first, err = reserve(ctx, tx, "appointments", c.count()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, doctorsSQL, c.doctor, c.count(), c.accounts, c.each); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, appointmentsSQL, c.first, c.count(), c.accounts, c.each, c.doctor); err != nil {
		return err
	}
	return tx.QueryRow(ctx, proceduresSQL, c.first, c.count()).Scan(&c.procedure)
}

// reserve takes ids in one row.
func reserve(ctx context.Context, tx pgx.Tx, table string, n int) (first int64, err error) {
	var last int64
	if err := tx.QueryRow(ctx, idsSQL, table, n).Scan(&first, &last); err != nil {
		return 0, err
	}
	if last-first+1 != int64(n) {
		return 0, fmt.Errorf("somebody else adds to %s at the same time: try again when the database is quiet", table)
	}
	return first, nil
}

// count is how many appointments there are.
func (c *clinic) count() int { return c.each * len(c.accounts) }

// find says which of the appointments an id is, of which account, and its place there; -1 if it is none of ours.
func (c *clinic) find(id int64) (index, account, slot int) {
	offset := id - c.first
	if offset < 0 || offset >= int64(c.count()) {
		return -1, -1, -1
	}
	return int(offset), int(offset) / c.each, int(offset) % c.each
}

// nth is the index of the appointment that is finalised as the nth, from 0: the accounts take turns.
func (c *clinic) nth(n int) (index int) { return n%len(c.accounts)*c.each + n/len(c.accounts) }

// remove takes everything away again. The events stay until the retention.
func (c *clinic) remove(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), time.Minute, errors.New("remove: no answer for a minute"))
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url)
	if err != nil {
		return fmt.Errorf("open the clinic's database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range []string{
			removeSQL,
			`DELETE FROM patients WHERE "accountId" = ANY ($1::int[])`,
			`DELETE FROM doctors WHERE "accountId" = ANY ($1::int[])`,
			`DELETE FROM accounts WHERE id = ANY ($1::int[])`,
		} {
			if _, err := tx.Exec(ctx, statement, c.accounts); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "DELETE FROM procedures WHERE id = $1", c.procedure)
		return err
	})
	if err != nil {
		return fmt.Errorf("remove what was added to the clinic: %w", err)
	}
	return nil
}

// writer is one connection of the clinic's application.
type writer struct {
	clinic *clinic
	score  *score
	conn   *pgx.Conn
}

func (c *clinic) newWriter(ctx context.Context, s *score) (*writer, error) {
	conn, err := pgx.Connect(ctx, c.url)
	if err != nil {
		return nil, fmt.Errorf("open the clinic's database: %w", err)
	}
	return &writer{c, s, conn}, nil
}

// finalise ends these appointments in one transaction, and notes the time between the UPDATE and its COMMIT.
func (w *writer) finalise(ctx context.Context, indexes ...int) error {
	if err := w.update(ctx, indexes); err != nil {
		return err
	}
	return w.commit(ctx, indexes)
}

// update ends these appointments in a transaction that stays open.
func (w *writer) update(ctx context.Context, indexes []int) error {
	ids := make([]int64, len(indexes))
	for i, index := range indexes {
		ids[i] = w.clinic.first + int64(index)
	}
	var batch pgx.Batch
	batch.Queue("BEGIN")
	batch.Queue(finaliseSQL, ids)
	if err := w.conn.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("finalise appointments: %w", err)
	}
	return nil
}

// commit notes the time, and ends the transaction of update.
func (w *writer) commit(ctx context.Context, indexes []int) error {
	at := now()
	for _, index := range indexes {
		w.score.sent(index, at)
	}
	if _, err := w.conn.Exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit finalised appointments: %w", err)
	}
	return nil
}

func (w *writer) close(ctx context.Context) error { return w.conn.Close(context.WithoutCancel(ctx)) }

// paced finalises so many appointments a second, and returns how many there were. Who falls behind catches up.
func (c *clinic) paced(ctx context.Context, s *score, rate float64, during time.Duration) (events int, err error) {
	w, err := c.newWriter(ctx, s)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	if err := w.warm(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	for n := range int(rate * during.Seconds()) {
		timer := time.NewTimer(time.Until(began.Add(time.Duration(float64(n) / rate * float64(time.Second)))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return n, context.Cause(ctx)
		}
		if err := w.finalise(ctx, c.nth(n)); err != nil {
			return n, err
		}
	}
	return int(rate * during.Seconds()), nil
}

// warm prepares the statements.
func (w *writer) warm(ctx context.Context) error { return w.finalise(ctx) }

// flatOut finalises from so many connections at once, each as fast as it can, the appointments dealt out among them.
func (c *clinic) flatOut(ctx context.Context, s *score, writers int, during time.Duration) (events int, err error) {
	counts := make([]int, writers)
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for i := range writers {
		group.Go(func() (err error) {
			w, err := c.newWriter(ctx, s)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.close(ctx)) }()
			for n := i; n < c.count() && time.Since(began) < during; n += writers {
				if err := w.finalise(ctx, c.nth(n)); err != nil {
					return err
				}
				counts[i]++
			}
			return nil
		})
	}
	err = group.Wait()
	for _, n := range counts {
		events += n
	}
	return events, err
}

// burst finalises all in one transaction.
func (c *clinic) burst(ctx context.Context, s *score, n int) (events int, err error) {
	w, err := c.newWriter(ctx, s)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	indexes := make([]int, n)
	for i := range indexes {
		indexes[i] = c.nth(i)
	}
	return n, w.finalise(ctx, indexes...)
}
