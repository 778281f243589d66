-- The release of doctors after a finalisation: the rule, and the function that applies it.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- The rule: a doctor may be released while none of his appointments is being served. Replace this
-- function (CREATE OR REPLACE, same signature) to change the rule. It must see what is committed at the
-- moment of the call, so leave it VOLATILE. Status ids are gathered into an array and not joined: the index
-- on doctor and status serves an array.
CREATE FUNCTION notifier.may_release(doctor {{table "appointments"}}.{{column "appointments.doctor"}}%TYPE) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM {{table "appointments"}} AS a
        WHERE a.{{column "appointments.doctor"}} = may_release.doctor
{{- if has "statuses"}}
          AND a.{{column "appointments.status"}} = ANY (ARRAY(
              SELECT s.{{column "statuses.id"}} FROM {{table "statuses"}} AS s
              WHERE s.{{column "statuses.code"}}::text = {{status "EM_ATENDIMENTO"}}))
{{- else}}
          AND a.{{column "appointments.status"}} = {{status "EM_ATENDIMENTO"}}
{{- end}}
{{- if has "appointments.deletedAt"}}
          AND a.{{column "appointments.deletedAt"}} IS NULL
{{- end}}
    );
END
$$;

-- Note why effects could not be settled and when to try again: after 0.5 s, growing to 5 s. Returns the
-- effects whose problem is new, so that a daemon logs it once.
CREATE FUNCTION notifier.postpone(waiting bigint[], why text)
RETURNS TABLE (seq bigint, outcome text, problem text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    WITH before AS (
        SELECT e.seq, e.problem FROM notifier.effect AS e
        WHERE e.seq = ANY (waiting) AND e.outcome IS NULL
          AND (e.problem IS DISTINCT FROM why OR e.retry_at <= clock_timestamp())
        FOR UPDATE SKIP LOCKED
    ), noted AS (
        UPDATE notifier.effect AS e
        SET tries = e.tries + 1, problem = why,
            retry_at = clock_timestamp() + least(5, 0.5 * 1.5 ^ least(e.tries, 20)) * interval '1 second'
        FROM before AS b WHERE e.seq = b.seq
    )
    SELECT b.seq, NULL::text, why FROM before AS b WHERE b.problem IS DISTINCT FROM why
$$;

-- Settle the waiting effects of up to max_doctors doctors: those whose retry is due, and those of doctors
-- with an event after since_seq (somebody's service may just have ended).
--
-- Who serves, or is free already, is judged without a lock. The others' rows are locked by one statement and judged
-- again by a later one, whose snapshot is younger than the lock. A row that somebody else holds is passed over, takes
-- nobody's place, and is tried again at the next call; an error (somebody's trigger on doctors) is noted by its
-- SQLSTATE and concerns that doctor only. When the whole table is locked the call fails after lock_timeout and nothing
-- has changed. An effect is settled in the transaction that writes the doctor: that is what makes it once.
--
-- The rows stay locked until the call ends, and the clinic may want them: 5 ms after the first it ends with what it
-- has, without any after 250 ms, and the caller calls again.
--
-- Returns one row for each effect that was settled or whose problem is new.
CREATE FUNCTION notifier.release(max_doctors integer, since_seq bigint)
RETURNS TABLE (seq bigint, outcome text, problem text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    began   timestamptz;
    locked  timestamptz;
    due     record;
    doctor  record;
    waiting bigint[];
    verdict text;
BEGIN
    IF NOT EXISTS (SELECT FROM notifier.effect AS e WHERE e.outcome IS NULL) THEN
        RETURN;
    END IF;
    -- The doctors' rows are locked until the commit is flushed, unless it does not wait for that. A crash that loses it
    -- loses all of it: the effects wait again.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Where the whole table is locked it is here that we fail, not doctor by doctor.
    PERFORM FROM {{table "doctors"}} AS d WHERE false FOR NO KEY UPDATE;
    -- Written down, so that a doctor who is passed over now stays due, for whichever daemon comes next.
    IF since_seq < (SELECT h.seq FROM notifier.head AS h) THEN
        WITH waiting AS MATERIALIZED (
            SELECT w.seq, w.doctor_id, w.retry_at FROM notifier.effect AS w WHERE w.outcome IS NULL
        ), early AS (
            SELECT e.seq FROM notifier.effect AS e
            WHERE e.seq = ANY (ARRAY(SELECT w.seq FROM waiting AS w
                                     WHERE w.retry_at > clock_timestamp()
                                       AND w.doctor_id IN (SELECT n.doctor_id FROM notifier.event AS n WHERE n.seq > since_seq)))
            FOR UPDATE SKIP LOCKED
        )
        UPDATE notifier.effect AS e SET retry_at = clock_timestamp() FROM early AS y WHERE e.seq = y.seq;
    END IF;
    -- A deferred constraint on doctors must raise in that doctor's own block below, not at everybody's commit.
    SET CONSTRAINTS ALL IMMEDIATE;

    FOR due IN
        SELECT w.doctor_id, array_agg(w.seq) AS asked FROM notifier.effect AS w
        WHERE w.outcome IS NULL
        GROUP BY w.doctor_id
        HAVING min(w.retry_at) <= clock_timestamp()
        -- Who was not tried yet comes first. One doctor at a time means that the last call was cut short: then
        -- any of them, so that the one whose trigger hangs does not stand before the others every time.
        ORDER BY CASE WHEN max_doctors > 1 THEN min(w.tries) END, CASE WHEN max_doctors > 1 THEN min(w.seq) END, random()
    LOOP
        began := coalesce(began, clock_timestamp());
        EXIT WHEN max_doctors <= 0 OR clock_timestamp() > least(locked + interval '5 ms', began + interval '250 ms');

        BEGIN
            SELECT d.{{column "doctors.busy"}} AS busy INTO doctor FROM {{table "doctors"}} AS d
            WHERE d.{{column "doctors.id"}} = due.doctor_id;
            verdict := CASE WHEN NOT FOUND THEN 'gone'
                            WHEN NOT notifier.may_release(due.doctor_id) THEN 'guarded'
                            WHEN doctor.busy THEN 'released'
                            ELSE 'was_free' END;
            IF verdict = 'released' THEN
                PERFORM FROM {{table "doctors"}} AS d
                WHERE d.{{column "doctors.id"}} = due.doctor_id AND d.{{column "doctors.busy"}}
                FOR NO KEY UPDATE SKIP LOCKED;
                CONTINUE WHEN NOT FOUND;
                locked := coalesce(locked, clock_timestamp());
                verdict := CASE WHEN notifier.may_release(due.doctor_id) THEN 'released' ELSE 'guarded' END;
            END IF;
            max_doctors := max_doctors - 1;
            IF verdict = 'guarded' THEN
                RETURN QUERY SELECT * FROM notifier.postpone(due.asked, 'guarded');
                CONTINUE;
            END IF;

            -- Another daemon may have settled them since we looked, or the retention may be at it. Where the doctor is
            -- locked only the first is settled: the next call finds him free and needs no lock for the others.
            waiting := ARRAY(SELECT e.seq FROM notifier.effect AS e
                             WHERE e.seq = ANY (due.asked) AND e.outcome IS NULL
                             ORDER BY e.seq LIMIT CASE WHEN verdict = 'released' THEN 1 END FOR UPDATE SKIP LOCKED);
            CONTINUE WHEN waiting = '{}';
            IF verdict = 'released' THEN
                UPDATE {{table "doctors"}} AS d SET {{column "doctors.busy"}} = false
                WHERE d.{{column "doctors.id"}} = due.doctor_id;
            END IF;
            RETURN QUERY
            UPDATE notifier.effect AS e
            SET outcome = verdict, settled_at = clock_timestamp(), tries = e.tries + 1, problem = NULL
            WHERE e.seq = ANY (waiting)
            RETURNING e.seq, e.outcome, e.problem;
        EXCEPTION WHEN OTHERS THEN
            max_doctors := max_doctors - 1;
            RETURN QUERY SELECT * FROM notifier.postpone(due.asked, SQLSTATE);
        END;
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.release(integer, bigint), notifier.postpone(bigint[], text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION notifier.may_release FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.release(integer, bigint) TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.release(integer, bigint), notifier.postpone(bigint[], text);
DROP FUNCTION notifier.may_release;
RESET ROLE;
