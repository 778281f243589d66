-- Reconciliation: ended appointments that the trigger did not see (it was disabled; session_replication_role =
-- replica; a restored dump; logical replication's apply) are staged as it would have done. For the owner of the clinic's
-- tables, by `notifier reconcile` or in psql; the daemon's role has no part in it.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- Appointments whose present status has a route but is not what the log or staging last told of them, as the rows that are
-- missing in staging; from_status is what was last told. Those that were changed since a moment by their
-- {{if has "appointments.updatedAt"}}updatedAt{{else}}date (there is no updatedAt){{end}}, or, by date, those of that day until today: for changes by hand, which leave updatedAt as it was.
--
-- Not before the log begins, unless beyond_log: what ended before may have been told, and removed by the retention.
--
-- Reads the log once and, without an index on what it looks for, the appointments; locks nothing. One statement,
-- so that an event that a pump moves meanwhile is seen in one place or the other.
CREATE FUNCTION notifier.unreported(since timestamptz, by_date boolean DEFAULT false, beyond_log boolean DEFAULT false)
RETURNS SETOF notifier.staging
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
DECLARE
    -- Of the columns' own types, so that an index serves; those without a time zone are UTC.
    first_day {{table "appointments"}}.{{column "appointments.date"}}%TYPE;
    day_after {{table "appointments"}}.{{column "appointments.date"}}%TYPE := date_trunc('day', clock_timestamp()) + interval '1 day';
{{- if has "appointments.updatedAt"}}
    changed   {{table "appointments"}}.{{column "appointments.updatedAt"}}%TYPE;
{{- end}}
{{- if has "appointments.createdAt"}}
    born      {{table "appointments"}}.{{column "appointments.createdAt"}}%TYPE;
{{- end}}
BEGIN
    IF NOT beyond_log THEN
        since := greatest(since, (SELECT c.numbered_at FROM notifier.cut AS c));
    END IF;
    first_day := date_trunc('day', since);
{{- if has "appointments.updatedAt"}}
    changed := since;
{{- end}}
{{- if has "appointments.createdAt"}}
    born := since;
{{- end}}

    RETURN QUERY
    WITH ended AS MATERIALIZED (
        SELECT a.{{column "appointments.id"}} AS appointment_id, a.{{column "appointments.account"}} AS account_id,
               a.{{column "appointments.doctor"}} AS doctor_id, r.status, r.event, r.releases_doctor,
{{- if has "appointments.updatedAt"}}
               CASE WHEN by_date THEN a.{{column "appointments.date"}}::timestamptz
                    ELSE a.{{column "appointments.updatedAt"}}::timestamptz END AS changed_at
{{- else}}
               a.{{column "appointments.date"}}::timestamptz AS changed_at
{{- end}}
        FROM {{table "appointments"}} AS a
{{- if has "statuses"}}
        JOIN {{table "statuses"}} AS s ON s.{{column "statuses.id"}} = a.{{column "appointments.status"}}
        JOIN notifier.route AS r ON r.status = s.{{column "statuses.code"}}::text
{{- else}}
        JOIN notifier.route AS r ON r.status = a.{{column "appointments.status"}}::text
{{- end}}
{{- if has "appointments.updatedAt"}}
        WHERE by_date AND a.{{column "appointments.date"}} >= first_day AND a.{{column "appointments.date"}} < day_after
           OR NOT by_date AND a.{{column "appointments.updatedAt"}} >= changed
{{- if has "appointments.createdAt"}}
           OR NOT by_date AND a.{{column "appointments.updatedAt"}} IS NULL AND a.{{column "appointments.createdAt"}} >= born
{{- end}}
{{- else}}
        WHERE a.{{column "appointments.date"}} >= first_day AND a.{{column "appointments.date"}} < day_after
{{- end}}
    ), told AS (
        SELECT DISTINCT ON (n.appointment_id) n.appointment_id, n.status
        FROM (SELECT e.appointment_id, e.status, false AS staged, e.seq AS place FROM notifier.event AS e
              UNION ALL
              SELECT w.appointment_id, w.status, true, w.id FROM notifier.staging AS w) AS n
        WHERE n.appointment_id IN (SELECT m.appointment_id FROM ended AS m)
        ORDER BY n.appointment_id, n.staged DESC, n.place DESC
    )
    SELECT m.appointment_id, m.account_id, m.doctor_id, NULL::bigint, t.status, m.status, m.event, m.releases_doctor, m.changed_at
    FROM ended AS m LEFT JOIN told AS t ON t.appointment_id = m.appointment_id
    WHERE t.status IS DISTINCT FROM m.status
    ORDER BY m.changed_at;
END
$$;

-- Stage what unreported() found when the log ended at log_end, if it is still true, and return the new rows. Until the end
-- of the transaction it locks these appointments as an update of them would: a thousand at a time, and commit.
--
-- An appointment is locked in one statement and judged again in the next, whose snapshot is younger than the lock. So
-- nothing is staged twice, by two sessions or beside a writer, and whatever the clinic does to it later gets the later number.
-- A row that somebody else holds is passed over, and nothing else is waited for: there can be no deadlock. It does not
-- ring: daemons find staged rows by their poll.
CREATE FUNCTION notifier.stage(missed notifier.staging[], log_end bigint) RETURNS SETOF notifier.staging
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' SET jit = off
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'notifier.stage cannot work under %', upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state', HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED';
    END IF;

    missed := ARRAY(SELECT m FROM unnest(missed) AS m
                    JOIN {{table "appointments"}} AS a ON a.{{column "appointments.id"}} = m.appointment_id
                    FOR NO KEY UPDATE OF a SKIP LOCKED);

    -- Of what was told, only what came since the look is to be looked at again.
    RETURN QUERY
    WITH told AS (
        SELECT DISTINCT ON (n.appointment_id) n.appointment_id, n.status
        FROM (SELECT e.appointment_id, e.status, false AS staged, e.seq AS place FROM notifier.event AS e WHERE e.seq > log_end
              UNION ALL
              SELECT w.appointment_id, w.status, true, w.id FROM notifier.staging AS w) AS n
        WHERE n.appointment_id IN (SELECT m.appointment_id FROM unnest(missed) AS m)
        ORDER BY n.appointment_id, n.staged DESC, n.place DESC
    )
    INSERT INTO notifier.staging (appointment_id, account_id, doctor_id, status, event, releases_doctor)
    SELECT a.{{column "appointments.id"}}, a.{{column "appointments.account"}}, a.{{column "appointments.doctor"}},
           r.status, r.event, r.releases_doctor
    FROM unnest(missed) AS m
    JOIN {{table "appointments"}} AS a ON a.{{column "appointments.id"}} = m.appointment_id
{{- if has "statuses"}}
    JOIN {{table "statuses"}} AS s ON s.{{column "statuses.id"}} = a.{{column "appointments.status"}}
    JOIN notifier.route AS r ON r.status = s.{{column "statuses.code"}}::text
{{- else}}
    JOIN notifier.route AS r ON r.status = a.{{column "appointments.status"}}::text
{{- end}}
    LEFT JOIN told AS t ON t.appointment_id = m.appointment_id
    WHERE r.status IS DISTINCT FROM coalesce(t.status, m.from_status)
    ORDER BY m.changed_at
    RETURNING *;
END
$$;

-- Look and stage in one, for psql; up to max_appointments, those that were changed first. `notifier reconcile` looks once
-- and stages all it has found in batches.
CREATE FUNCTION notifier.reconcile(since timestamptz, max_appointments integer DEFAULT 1000,
                                   by_date boolean DEFAULT false, beyond_log boolean DEFAULT false)
RETURNS SETOF notifier.staging
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    log_end bigint := (SELECT h.seq FROM notifier.head AS h); -- before the look
BEGIN
    RETURN QUERY SELECT * FROM notifier.stage(
        ARRAY(SELECT u FROM notifier.unreported(since, by_date, beyond_log) AS u LIMIT max_appointments), log_end);
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.unreported(timestamptz, boolean, boolean), notifier.stage(notifier.staging[], bigint),
    notifier.reconcile(timestamptz, integer, boolean, boolean) FROM PUBLIC;
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.reconcile(timestamptz, integer, boolean, boolean), notifier.stage(notifier.staging[], bigint),
    notifier.unreported(timestamptz, boolean, boolean);
RESET ROLE;
