package sql_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"notifier/sql"
	"notifier/sql/pgtest"
)

// writer updates one appointment again and again. gaveUp counts the updates that waited for more than a
// second: PostgreSQL ends them then (lock_timeout), so no clock is read here.
type writer struct {
	updates, gaveUp atomic.Int64
	stop            func()
}

func startWriter(t *testing.T, db *pgtest.DB, appointment int) *writer {
	t.Helper()
	conn := db.Connect(pgtest.App)
	execute(t, conn, "SET lock_timeout = '1s'")
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{}
	var wg sync.WaitGroup
	w.stop = func() {
		cancel()
		wg.Wait()
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			_, err := conn.Exec(context.Background(), `UPDATE appointments SET notes = 'x' WHERE id = $1`, appointment)
			w.updates.Add(1)
			if err != nil {
				w.gaveUp.Add(1)
			}
		}
	})
	return w
}

// openClinic is a clinic that is not migrated and has three appointments.
func openClinic(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.Clinic(t)
	db.Exec(pgtest.Owner, `INSERT INTO accounts (name) VALUES (''); INSERT INTO doctors ("accountId", name) VALUES (1, '');
		INSERT INTO patients ("accountId", name) VALUES (1, '');
		INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT now(), '', '', 1, 1, 1, 1 FROM generate_series(1, 3)`)
	return db
}

func TestUpOnABusyClinicWaitsInShortTriesAndHoldsUpNoWriter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		lockTimeout  time.Duration
		holdsWriters bool
	}{
		{"with a short lock timeout", 100 * time.Millisecond, false},
		// The control: shows that the writers of this test do notice a migration that waits for long.
		{"with a long lock timeout", 20 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := openClinic(t)
			holder := db.Connect(pgtest.App)
			execute(t, holder, `BEGIN`)
			execute(t, holder, `UPDATE appointments SET notes = 'held' WHERE id = 1`)
			w := startWriter(t, db, 2)
			defer w.stop()

			m, log := migrator(t, db, sql.Config{LockTimeout: c.lockTimeout})
			result := make(chan error, 1)
			go func() {
				_, err := m.Up(context.Background())
				result <- err
			}()
			if c.holdsWriters {
				eventually(t, "a writer gave up", func() bool { return w.gaveUp.Load() > 0 })
			} else {
				eventually(t, "three tries", func() bool { return strings.Count(log.String(), "migration_waits_for_lock") >= 3 })
			}
			execute(t, holder, `COMMIT`)
			if err := <-result; err != nil {
				t.Errorf("up: %v", err)
			}
			w.stop()
			if updates, gaveUp := w.updates.Load(), w.gaveUp.Load(); (gaveUp > 0) != c.holdsWriters || updates == 0 {
				t.Errorf("%d of %d updates waited for more than a second, want some: %v", gaveUp, updates, c.holdsWriters)
			}
		})
	}
}

func TestUpThatMeetsALockForTooLongSaysWhatToDoAndGoesOnTheNextTime(t *testing.T) {
	t.Parallel()
	db := openClinic(t)
	holder := db.Connect(pgtest.App)
	execute(t, holder, `BEGIN`)
	execute(t, holder, `UPDATE appointments SET notes = 'held' WHERE id = 1`)
	m, _ := migrator(t, db, sql.Config{LockTimeout: 20 * time.Millisecond, LockWait: 100 * time.Millisecond})
	done, err := m.Up(context.Background())
	equal(t, "applied before the lock", done, allMigrations[:6])
	for _, want := range []string{"00007_triggers.sql", "end the transaction", "--lock-wait", "run this again"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("up gave up with %v, want it to say %q", err, want)
		}
	}
	execute(t, holder, `COMMIT`)
	equal(t, "the next up", up(t, m), allMigrations[6:])
}

func TestDownOnABusyClinicWaitsAsUpDoes(t *testing.T) {
	t.Parallel()
	db := openClinic(t)
	m, log := migrator(t, db, sql.Config{LockTimeout: 50 * time.Millisecond})
	up(t, m)
	reader := db.Connect(pgtest.App)
	execute(t, reader, `BEGIN`)
	execute(t, reader, `SELECT FROM appointments`) // even a reader is in the way of DROP TRIGGER
	result := make(chan error, 1)
	go func() {
		_, err := m.Down(context.Background(), true)
		result <- err
	}()
	eventually(t, "two tries", func() bool { return strings.Count(log.String(), "migration_waits_for_lock") >= 2 })
	execute(t, reader, `COMMIT`)
	if err := <-result; err != nil {
		t.Errorf("down: %v", err)
	}
}

func TestACancelledMigrationLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	db := openClinic(t)
	holder := db.Connect(pgtest.App)
	execute(t, holder, `BEGIN`)
	execute(t, holder, `UPDATE appointments SET notes = 'held' WHERE id = 1`)
	m, log := migrator(t, db, sql.Config{LockTimeout: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		_, err := m.Up(ctx)
		result <- err
	}()
	eventually(t, "a try", func() bool { return strings.Contains(log.String(), "migration_waits_for_lock") })
	cancel()
	if err := <-result; err == nil {
		t.Error("a cancelled up reported success")
	}
	execute(t, holder, `COMMIT`)
	equal(t, "the next up", up(t, m), allMigrations[6:])
}
