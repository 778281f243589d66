-- The release of doctors after a finalisation: the rule, and the function that applies it.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- The rule: a doctor may be released while none of his appointments is being served. Replace this
-- function (CREATE OR REPLACE, same signature) to change the rule. The status is looked up first and
-- not in the query, because the planner would not use the index on (doctor, status) otherwise.
-- +goose StatementBegin
CREATE FUNCTION notifier.may_release(doctor {{table "doctors"}}.{{column "doctors.id"}}%TYPE) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    serving {{table "appointments"}}.{{column "appointments.status"}}%TYPE;
BEGIN
{{- if has "statuses"}}
    SELECT s.{{column "statuses.id"}} INTO serving FROM {{table "statuses"}} AS s
    WHERE s.{{column "statuses.code"}}::text = {{status "EM_ATENDIMENTO"}};
{{- else}}
    serving := {{status "EM_ATENDIMENTO"}};
{{- end}}
    RETURN NOT EXISTS (
        SELECT FROM {{table "appointments"}} AS a
        WHERE a.{{column "appointments.doctor"}} = doctor
          AND a.{{column "appointments.status"}} = serving
{{- if has "appointments.deletedAt"}}
          AND a.{{column "appointments.deletedAt"}} IS NULL
{{- end}}
    );
END
$$;
-- +goose StatementEnd

-- Settle the waiting effects of up to max_doctors doctors: those whose retry is due, and those of doctors
-- with an event after since_seq (somebody's service may just have ended).
--
-- A doctor's row is locked by one statement and judged by the next, whose snapshot is younger than the lock.
-- A row that somebody else holds is skipped and tried again later; an error (somebody's trigger on doctors)
-- is noted by its SQLSTATE and concerns that doctor only. When the whole table is locked the call fails
-- after lock_timeout and nothing has changed. An effect is settled in the transaction that writes the doctor:
-- that is what makes it once.
--
-- Returns one row for each effect that was settled or whose problem is new.
-- +goose StatementBegin
CREATE FUNCTION notifier.release(max_doctors integer, since_seq bigint)
RETURNS TABLE (seq bigint, outcome text, problem text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms'
AS $$
DECLARE
    doctor  record;
    waiting bigint[];
    freed   boolean;
    code    text;
BEGIN
    RETURN QUERY
    UPDATE notifier.effect AS e SET outcome = 'gone', settled_at = clock_timestamp(), problem = NULL
    WHERE e.seq = ANY (ARRAY(
        SELECT w.seq FROM notifier.effect AS w
        WHERE w.outcome IS NULL AND w.retry_at <= clock_timestamp()
          AND NOT EXISTS (SELECT FROM {{table "doctors"}} AS d WHERE d.{{column "doctors.id"}} = w.doctor_id)
        ORDER BY w.seq LIMIT max_doctors
        FOR UPDATE OF w SKIP LOCKED))
    RETURNING e.seq, e.outcome, e.problem;

    FOR doctor IN
        SELECT d.{{column "doctors.id"}} AS id FROM {{table "doctors"}} AS d
        WHERE d.{{column "doctors.id"}} = ANY (ARRAY(
            SELECT due.doctor_id FROM (
                SELECT w.doctor_id, min(w.seq) AS first_seq FROM notifier.effect AS w
                WHERE w.outcome IS NULL
                  AND (w.retry_at <= clock_timestamp()
                       OR w.doctor_id IN (SELECT n.doctor_id FROM notifier.event AS n WHERE n.seq > since_seq))
                GROUP BY w.doctor_id
            ) AS due ORDER BY due.first_seq LIMIT max_doctors))
        FOR NO KEY UPDATE OF d SKIP LOCKED
    LOOP
        BEGIN
            -- Another daemon may have settled them between our reading and our lock.
            waiting := ARRAY(SELECT e.seq FROM notifier.effect AS e
                             WHERE e.doctor_id = doctor.id AND e.outcome IS NULL ORDER BY e.seq);
            CONTINUE WHEN waiting = '{}';

            IF notifier.may_release(doctor.id) THEN
                UPDATE {{table "doctors"}} AS d SET {{column "doctors.busy"}} = false
                WHERE d.{{column "doctors.id"}} = doctor.id AND d.{{column "doctors.busy"}};
                freed := FOUND;
                RETURN QUERY
                UPDATE notifier.effect AS e
                SET outcome = CASE WHEN freed AND e.seq = waiting[1] THEN 'released' ELSE 'was_free' END,
                    settled_at = clock_timestamp(), tries = e.tries + 1, problem = NULL
                WHERE e.seq = ANY (waiting)
                RETURNING e.seq, e.outcome, e.problem;
            ELSE
                RETURN QUERY SELECT * FROM notifier.postpone(waiting, 'guarded');
            END IF;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE;
            RETURN QUERY SELECT * FROM notifier.postpone(waiting, code);
        END;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- Note why effects could not be settled and when to try again: after 0.5 s, growing to 5 s. Returns the
-- effects whose problem is new, so that a daemon logs it once.
-- +goose StatementBegin
CREATE FUNCTION notifier.postpone(waiting bigint[], why text)
RETURNS TABLE (seq bigint, outcome text, problem text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    WITH before AS (
        SELECT e.seq, e.problem FROM notifier.effect AS e WHERE e.seq = ANY (waiting)
    ), noted AS (
        UPDATE notifier.effect AS e
        SET tries = e.tries + 1, problem = why,
            retry_at = clock_timestamp() + least(5, 0.5 * 1.5 ^ least(e.tries, 20)) * interval '1 second'
        WHERE e.seq = ANY (waiting)
    )
    SELECT b.seq, NULL::text, why FROM before AS b WHERE b.problem IS DISTINCT FROM why
$$;
-- +goose StatementEnd

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
