package notifier

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Overview is how the log stands, for somebody who looks at it. Counts stop at a bound, so that looking costs the same on a bad day.
type Overview struct {
	Epoch, Seq int64 // the last event's
	Staged     int   // changes that wait to be numbered, up to 10,000
	Waiting    int   // releases not settled, up to 10,000
	LastMinute int   // events numbered in it, up to 2,000
	Events     []RecentEvent
}

// RecentEvent is one of the last events. It holds ids and statuses, and nothing of a patient.
type RecentEvent struct {
	Epoch, Seq  int64
	Name        string
	Status      string
	Appointment string
	Account     string
	ChangedAt   time.Time
	NumberedAt  time.Time
	Effect      string     // "" for none; else its outcome, or why it waits
	SettledAt   *time.Time // nil: not settled
}

// ID is the event's on the wire.
func (e RecentEvent) ID() string { return Cursor{Epoch: e.Epoch, Seq: e.Seq}.String() }

// Look reads an overview with the last events, the newest first.
func Look(ctx context.Context, pool *pgxpool.Pool, events int) (Overview, error) {
	var o Overview
	err := ask(ctx, pool, queryTimeout, func(ctx context.Context, conn *pgxpool.Conn) error {
		if err := conn.QueryRow(ctx, overviewSQL).Scan(&o.Epoch, &o.Seq, &o.Staged, &o.Waiting, &o.LastMinute); err != nil {
			return err
		}
		rows, err := conn.Query(ctx, recentSQL, events)
		if err != nil {
			return err
		}
		o.Events, err = pgx.CollectRows(rows, pgx.RowToStructByPos[RecentEvent])
		return err
	})
	if err != nil {
		return Overview{}, fmt.Errorf("look at the log: %w", conceal(err))
	}
	return o, nil
}
