-- What runs inside the clinic's transactions: the capture function and the bell. Both can be replaced with
-- CREATE OR REPLACE, which takes no lock on the clinic's table; the triggers that call them come last.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- Wake the daemons at this transaction's commit. It is asked for once in a transaction (the flag is local to it, and
-- rolls back with a savepoint, as locks and notification do).
--
-- NOTIFY takes a lock that all committing notifiers of the cluster share until their commit is done: flushed, and
-- acknowledged by a replica where one is waited for. Commits with a bell stand in line there, so a writer stays silent
-- beside another one that carries the bell. Whether one does is told by advisory locks, which nobody waits for. But a
-- carrier whose transaction stays open must not silence the others for as long as it is open: one that rang more than
-- 100 ms ago (the locks' keys hold the time in steps of 20 ms) counts only while somebody stands in NOTIFY's line.
-- To look there is dear, so it comes last.
--
-- A full queue would fail the clinic's commit. To ask how full it is can take seconds, for everybody who asks, while
-- PostgreSQL removes what nobody needs any more: so the daemons ask, and lend the bell for some seconds.
--
-- A silent writer is not lost: its row is in staging, and the daemons look there every few milliseconds.
CREATE FUNCTION notifier.ring(payload json) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bells CONSTANT integer := 1853122169;
    alone CONSTANT integer := -1;
    step  CONSTANT integer := (extract(epoch FROM clock_timestamp()) * 50)::bigint::bit(31)::integer;
BEGIN
    PERFORM set_config('notifier.rung', '1', true);
    IF (SELECT s.bell AND s.bell_until > clock_timestamp() FROM notifier.setting AS s)
       AND octet_length(payload::text) < 7000  -- a payload of 8000 bytes would fail the clinic's statement
       AND (pg_try_advisory_xact_lock(bells, alone)
            OR (-- Shared: who asks silences nobody.
                pg_try_advisory_xact_lock_shared(bells, step - 4) AND pg_try_advisory_xact_lock_shared(bells, step - 3)
                AND pg_try_advisory_xact_lock_shared(bells, step - 2) AND pg_try_advisory_xact_lock_shared(bells, step - 1)
                AND NOT EXISTS (SELECT FROM pg_locks AS l
                                WHERE l.locktype = 'object' AND l.database = 0 AND l.classid = 1262 AND l.objid = 0
                                  AND l.mode = 'AccessExclusiveLock')))
       AND pg_try_advisory_xact_lock(bells, step)
    THEN
        PERFORM pg_notify('notifier_bell', payload::text);
    END IF;
END
$$;

-- Let writers ring for as long as the lease, unless half of the queue is full; then nobody rings. Daemons call it every
-- few seconds: where none runs, nobody listens either.
CREATE FUNCTION notifier.lend_bell(lease interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    silent CONSTANT boolean := pg_notification_queue_usage() >= 0.5;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE notifier.setting AS s SET bell_until = CASE WHEN silent THEN '-infinity' ELSE clock_timestamp() + lease END
    WHERE s.bell AND CASE WHEN silent THEN s.bell_until > '-infinity'
                          ELSE s.bell_until < clock_timestamp() + lease / 2 END;  -- one of several daemons is enough
END
$$;

-- The trigger function: one small row for a change that has a route. It is thin so that it cannot fail, waits
-- on no lock of ours, and runs with the owner's rights, so the clinic's roles need none on this schema.
CREATE FUNCTION notifier.capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    action text;
BEGIN
    INSERT INTO notifier.staging
           (appointment_id, account_id, doctor_id, from_status, status, event, releases_doctor)
    SELECT NEW.{{column "appointments.id"}}, NEW.{{column "appointments.account"}}, NEW.{{column "appointments.doctor"}},
{{- if has "statuses"}}
           (SELECT o.{{column "statuses.code"}}::text FROM {{table "statuses"}} AS o
            WHERE o.{{column "statuses.id"}} = OLD.{{column "appointments.status"}}),
           r.status, r.event, r.releases_doctor
    FROM {{table "statuses"}} AS s
    JOIN notifier.route AS r ON r.status = s.{{column "statuses.code"}}::text
    WHERE s.{{column "statuses.id"}} = NEW.{{column "appointments.status"}}
{{- else}}
           OLD.{{column "appointments.status"}}::text, r.status, r.event, r.releases_doctor
    FROM notifier.route AS r
    WHERE r.status = NEW.{{column "appointments.status"}}::text
{{- end}}
    RETURNING status INTO action;

    IF FOUND AND current_setting('notifier.rung', true) IS DISTINCT FROM '1' THEN
        PERFORM notifier.ring(row_to_json(p)) FROM (
            SELECT 1 AS v, NEW.{{column "appointments.id"}} AS "appointmentId", NEW.{{column "appointments.account"}} AS "accountId",
                   NEW.{{column "appointments.doctor"}} AS "doctorId", action) AS p;
    END IF;
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.ring(json), notifier.lend_bell(interval), notifier.capture() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.lend_bell(interval) TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.capture(), notifier.lend_bell(interval), notifier.ring(json);
RESET ROLE;
