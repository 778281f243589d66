-- What runs inside the clinic's transactions: the capture function and the bell. Both can be replaced with
-- CREATE OR REPLACE, which takes no lock on the clinic's table; the triggers that call them come last.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- Wake the daemons at this transaction's commit, at most once per transaction (the flag is local to the
-- transaction and rolls back with a savepoint, as the lock and the notification do).
--
-- NOTIFY takes a lock that all committing notifiers of the cluster share until their WAL is flushed, so a
-- writer stays silent while another writer that carries the bell is in flight: whoever cannot have the advisory
-- lock does not wait for it. The lock's key holds the time in steps of 20 ms, so that a transaction which stays
-- open after its update does not silence the others for as long as it is open: only the locks of the last
-- 100 ms count. That is longer than a commit takes on a slow disk, whose commits would otherwise stand in line.
--
-- A silent writer is not lost: its row is in staging, and the daemons look there every few milliseconds.
CREATE FUNCTION notifier.ring(payload json) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step CONSTANT integer := (extract(epoch FROM clock_timestamp()) * 50)::bigint::bit(31)::integer;
BEGIN
    IF NOT (SELECT s.bell FROM notifier.setting AS s) THEN
        PERFORM set_config('notifier.rung', '1', true);  -- the transaction's other rows need not ask
    ELSIF pg_notification_queue_usage() < 0.5            -- a full queue would fail the clinic's commit
       AND octet_length(payload::text) < 7000            -- and so would a payload of 8000 bytes
       -- Shared, so that who asks silences nobody; our own step's last, for the same reason.
       AND pg_try_advisory_xact_lock_shared(1853122169, step - 4)
       AND pg_try_advisory_xact_lock_shared(1853122169, step - 3)
       AND pg_try_advisory_xact_lock_shared(1853122169, step - 2)
       AND pg_try_advisory_xact_lock_shared(1853122169, step - 1)
       AND pg_try_advisory_xact_lock(1853122169, step)
    THEN
        PERFORM set_config('notifier.rung', '1', true);
        PERFORM pg_notify('notifier_bell', payload::text);
    END IF;
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

REVOKE EXECUTE ON FUNCTION notifier.ring(json), notifier.capture() FROM PUBLIC;
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.capture(), notifier.ring(json);
RESET ROLE;
