package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const releaseSQL = `UPDATE doctors SET "isBusy" = false WHERE id = $1`

// change is what the trigger notifies.
type change struct {
	ID        int64  `json:"id"`
	AccountID int64  `json:"accountId"`
	DoctorID  int64  `json:"doctorId"`
	Action    string `json:"action"`
}

// feed takes one change after the other.
type feed struct {
	rooms    *rooms
	listener *pgx.Conn
	work     *pgconn.PgConn

	// Of the last event, for the next one to use again.
	data, procedures, frame []byte
	members                 []net.Conn
}

// openFeed connects and listens; nothing is taken before run.
func openFeed(ctx context.Context, database string, rooms *rooms) (*feed, error) {
	f := &feed{rooms: rooms}
	if err := f.open(ctx, database); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *feed) open(ctx context.Context, database string) (err error) {
	if f.listener, err = pgx.Connect(ctx, database); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if f.work, err = pgconn.Connect(ctx, database); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	for name, statement := range map[string]string{"release": releaseSQL, "appointment": appointmentSQL} {
		if _, err = f.work.Prepare(ctx, name, statement, nil); err != nil {
			return fmt.Errorf("prepare %s: %w", name, err)
		}
	}
	if _, err = f.listener.Exec(ctx, "LISTEN status_change"); err != nil {
		return fmt.Errorf("listen to the trigger: %w", err)
	}
	return nil
}

func (f *feed) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if f.listener != nil {
		_ = f.listener.Close(ctx) // the process ends
	}
	if f.work != nil {
		_ = f.work.Close(ctx) // as above
	}
}

// run takes changes until ctx ends. pgx starts a goroutine for each call with a context that can end; instead the connections are cut.
func (f *feed) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		_ = errors.Join(f.listener.PgConn().Conn().Close(), f.work.Conn().Close()) // the process ends
	})
	defer stop()
	ctx = context.WithoutCancel(ctx)
	for {
		notification, err := f.listener.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("wait for a notification: %w", err)
		}
		var c change
		if err := json.Unmarshal([]byte(notification.Payload), &c); err != nil {
			return fmt.Errorf("read a notification: %w", err)
		}
		if err := f.take(ctx, c); err != nil {
			return fmt.Errorf("tell of appointment %d: %w", c.ID, err)
		}
	}
}

// take frees the doctor and tells the account. The two statements are sent together.
func (f *feed) take(ctx context.Context, c change) error {
	var batch pgconn.Batch
	if c.Action == "FINALIZADO" {
		batch.ExecPrepared("release", [][]byte{strconv.AppendInt(nil, c.DoctorID, 10)}, nil, nil)
	}
	batch.ExecPrepared("appointment", [][]byte{strconv.AppendInt(nil, c.ID, 10)}, nil, nil)
	f.data, f.procedures = f.data[:0], f.procedures[:0]
	results := f.work.ExecBatch(ctx, &batch)
	for results.NextResult() {
		for rows := results.ResultReader(); rows.NextRow(); {
			f.read(rows.Values())
		}
	}
	if err := results.Close(); err != nil || len(f.data) == 0 { // an appointment that is gone
		return err
	}
	f.frame = appendEvent(f.frame[:0], f.data, f.procedures)
	f.members = f.rooms.members(c.AccountID, f.members[:0])
	for _, conn := range f.members {
		_, _ = conn.Write(f.frame) // one that has ended is found by its reader
	}
	return nil
}

// read takes a row of appointment.sql.
func (f *feed) read(row [][]byte) {
	if len(f.data) == 0 {
		f.data = appendAppointment(f.data, row)
	}
	if row[colProcedureID] == nil {
		return
	}
	if len(f.procedures) > 0 {
		f.procedures = append(f.procedures, ',')
	}
	f.procedures = appendProcedure(f.procedures, row)
}
