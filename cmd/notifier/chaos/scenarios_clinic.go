package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/sql/postgres"
)

// What the clinic does.
var clinicScenarios = []*scenario{
	{
		name: "doctors-raise", about: "a trigger of the clinic refuses every release for 10 s",
		fault: func(ctx context.Context, w *world) error {
			return errors.Join(w.admin(ctx, refusingTrigger), pause(ctx, 10*time.Second), w.admin(ctx, "DROP TRIGGER a_refuse ON doctors"))
		},
	},
	{
		name: "doctors-locked", about: "LOCK TABLE doctors for 10 s",
		fault: func(ctx context.Context, w *world) error {
			return w.hold(ctx, 10*time.Second, "LOCK TABLE doctors IN ACCESS EXCLUSIVE MODE")
		},
	},
	{
		name: "update-open", about: "a transaction of the clinic stays open for a minute after its UPDATE",
		plan: plan{rate: 300},
		fault: func(ctx context.Context, w *world) error {
			return w.hold(ctx, time.Minute, `INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
				VALUES (current_date, '11:00', '11:15', 1, 1, 1, 2);
				UPDATE appointments SET "statusId" = 5 WHERE "startTime" = '11:00'`)
		},
	},
	{
		name: "rule-slow", about: "the clinic's own rule of who may be released takes 30 ms after its look",
		plan:  plan{sql: slowRule},
		fault: func(context.Context, *world) error { return nil },
	},
	{
		name: "bell-off", about: "no bell: everything is found by the poll; a part of the writers use two-phase commit",
		plan:  plan{sql: "UPDATE notifier.setting SET bell = false;"},
		fault: func(ctx context.Context, w *world) error { return w.twoPhase(ctx, 200) },
	},
}

// slowRule is the rule with a pause, in which what it has seen grows old.
const slowRule = `
	CREATE OR REPLACE FUNCTION notifier.may_release(doctor integer) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
	DECLARE
		free CONSTANT boolean := NOT EXISTS (
			SELECT FROM public.appointments AS a JOIN public.appointment_status AS s ON s.id = a."statusId"
			WHERE a."doctorId" = may_release.doctor AND s.code = 'EM_ATENDIMENTO' AND a."deletedAt" IS NULL);
	BEGIN
		PERFORM pg_sleep(0.03);
		RETURN free;
	END $$;`

// refusingTrigger raises for every release.
const refusingTrigger = `
	CREATE FUNCTION chaos.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
	CREATE TRIGGER a_refuse BEFORE UPDATE ON doctors FOR EACH ROW WHEN (OLD."isBusy" AND NOT NEW."isBusy") EXECUTE FUNCTION chaos.refuse()`

// hold keeps a transaction open after its statements, and rolls it back.
func (w *world) hold(ctx context.Context, long time.Duration, statements string) error {
	conn, err := pgx.Connect(ctx, w.primary().URL(postgres.Superuser, database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was rolled back
	if _, err := conn.Exec(ctx, "BEGIN; "+statements); err != nil {
		return err
	}
	err = pause(ctx, long)
	_, rolledBack := conn.Exec(ctx, "ROLLBACK")
	return errors.Join(err, rolledBack)
}

// twoPhase prepares transactions, and commits them a moment later.
func (w *world) twoPhase(ctx context.Context, times int) error {
	conn, err := pgx.Connect(ctx, w.primary().URL(app, database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // every transaction has committed
	for range times {
		if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
			return err
		}
		made, err := conn.Exec(ctx, bornSQL, 1+w.rand.IntN(appointments))
		if err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, "PREPARE TRANSACTION 'chaos'"); err != nil {
			return err
		}
		if err := pause(ctx, upTo(w.rand, 20*time.Millisecond)); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, "COMMIT PREPARED 'chaos'"); err != nil {
			return err
		}
		w.clinic.changes.Add(made.RowsAffected())
	}
	return nil
}
