package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"notifier/sql/postgres"
)

// fillQueue makes the queue as full as it gets: a session that listens and sits in a transaction keeps
// PostgreSQL from cleaning it up. Then a plain NOTIFY fails, and the clinic must not.
func (b *bench) fillQueue(ctx context.Context, w io.Writer) error {
	sitting, err := pgx.Connect(ctx, b.server.URL(postgres.Superuser, database))
	if err != nil {
		return err
	}
	defer sitting.Close(ctx) //nolint:errcheck // its transaction has nothing to save
	if _, err := sitting.Exec(ctx, "LISTEN stuffing"); err != nil {
		return err
	}
	if _, err := sitting.Exec(ctx, "BEGIN; SELECT 1"); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, b.server.URL(postgres.Superuser, database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // every statement has committed
	for _, fullness := range []float64{0.49, 0.51, 1.1} {
		if err := stuff(ctx, conn, fullness); err != nil {
			return err
		}
		if err := b.finishOne(ctx, conn, w); err != nil {
			return err
		}
	}
	return nil
}

// stuff notifies until the queue is as full as asked, or full.
func stuff(ctx context.Context, conn *pgx.Conn, fullness float64) error {
	const notify = "SELECT count(pg_notify('stuffing', repeat('x', 7900) || n)) FROM generate_series(1, $1::integer) AS n"
	batch := 5000
	for {
		var usage float64
		if err := conn.QueryRow(ctx, "SELECT pg_notification_queue_usage()").Scan(&usage); err != nil {
			return err
		}
		if usage >= fullness {
			return nil
		}
		_, err := conn.Exec(ctx, notify, batch)
		var pgErr *pgconn.PgError
		switch {
		case errors.As(err, &pgErr) && pgErr.Code == "54000" && batch > 1: // too many notifications
			batch /= 2
		case errors.As(err, &pgErr) && pgErr.Code == "54000":
			return nil
		case err != nil:
			return err
		}
	}
}

// finishOne tells how a plain NOTIFY and the clinic's own transaction fare.
func (b *bench) finishOne(ctx context.Context, conn *pgx.Conn, w io.Writer) error {
	var usage float64
	var staged int
	if err := conn.QueryRow(ctx, "SELECT pg_notification_queue_usage()").Scan(&usage); err != nil {
		return err
	}
	_, plain := conn.Exec(ctx, "SELECT pg_notify('stuffing', repeat('x', 7900))")
	_, clinic := conn.Exec(ctx, `UPDATE appointments SET "statusId" = 11 - "statusId" WHERE id = 1`)
	_, pump := conn.Exec(ctx, "SELECT * FROM notifier.pump(1000)")
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM notifier.event").Scan(&staged); err != nil {
		return err
	}
	line(w, "queue %3.0f %% full: plain NOTIFY: %s; the clinic's update: %s; the pump: %s; events in the log: %d",
		100*usage, outcome(plain), outcome(clinic), outcome(pump), staged)
	if clinic != nil || pump != nil {
		return fmt.Errorf("a full queue failed a transaction of ours: %w", errors.Join(clinic, pump))
	}
	return nil
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "committed"
}
