-- Events of other kinds than appointments: a doctor's state, for which `notifier routes add --doctors` makes the trigger,
-- and tests of the whole way, which daemons ask for. Daemons of the previous release cannot read them, so nothing of
-- them is written while one is here.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- The name joins those that are remembered.
UPDATE notifier.setting SET names = jsonb_set(names, '{columns,doctors.account}', to_jsonb({{literal (name "doctors.account")}}::text));

ALTER TABLE notifier.daemon ADD COLUMN reads text[] NOT NULL DEFAULT '{appointment}';
COMMENT ON COLUMN notifier.daemon.reads IS 'The kinds of event that it can read. Others are not written while it is here.';

-- A daemon that says what it reads. Those of the previous release call the function above, and read appointments.
CREATE FUNCTION notifier.enlist(daemon_id text, daemon_address text, daemon_certificate bytea, daemon_version text, daemon_reads text[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM notifier.enlist(daemon_id, daemon_address, daemon_certificate, daemon_version);
    UPDATE notifier.daemon AS d SET reads = daemon_reads WHERE d.id = daemon_id AND d.reads <> daemon_reads;
END
$$;

-- The daemons that cannot read a kind. Those of the previous release that are alone (--peer-addr off) do not enlist, and are
-- known by what they call their listener.
CREATE FUNCTION notifier.unable(kind text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH listed AS (
        SELECT format('%s at %s, version %s', d.id, d.address, d.version) AS daemon FROM notifier.daemon AS d
        WHERE NOT kind = ANY (d.reads) AND d.seen_at > clock_timestamp() - interval '1 minute'
    )
    SELECT l.daemon FROM listed AS l
    UNION ALL
    SELECT format('one that does not enlist, with backend %s', a.pid) FROM pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.application_name = 'notifier listen' AND NOT EXISTS (SELECT FROM listed)
$$;

-- What clients are sent of a doctor. The daemon reads it by `id = ANY (…)`, and leaves id as it is in its table for the reason
-- that stands at appointment_dto.
CREATE VIEW notifier.doctor_dto AS
SELECT d.{{column "doctors.id"}} AS id,
       {{optional "d" "doctors.account" "text"}} AS account_id,
       d.{{column "doctors.busy"}} AS is_busy
FROM {{table "doctors"}} AS d;
{{if has "doctors.account"}}
-- The function of the doctors' trigger, as thin as capture() and for the same reasons. Its argument is the event's name.
-- While a daemon of the previous release is enlisted (and for a minute after it was killed) it does nothing: that daemon would
-- stand still before such an event, and with it its screens, which is worse than a doctor's state that is not told.
CREATE FUNCTION notifier.capture_doctor() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state text := CASE WHEN NEW.{{column "doctors.busy"}} THEN 'busy' ELSE 'free' END;
BEGIN
    INSERT INTO notifier.staging (account_id, doctor_id, from_status, status, event, releases_doctor, kind)
    SELECT NEW.{{column "doctors.account"}}, NEW.{{column "doctors.id"}},
           CASE WHEN OLD.{{column "doctors.busy"}} THEN 'busy' ELSE 'free' END, state, coalesce(TG_ARGV[0], 'doctors.busy'), false, 'doctor'
    WHERE NOT EXISTS (SELECT FROM notifier.daemon AS d
                      WHERE NOT 'doctor' = ANY (d.reads) AND d.seen_at > clock_timestamp() - interval '1 minute');

    IF FOUND AND current_setting('notifier.rung', true) IS DISTINCT FROM '1' THEN
        PERFORM notifier.ring(row_to_json(p)) FROM (
            SELECT 1 AS v, NULL::integer AS "appointmentId", NEW.{{column "doctors.account"}} AS "accountId",
                   NEW.{{column "doctors.id"}} AS "doctorId", state AS action) AS p;
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION notifier.capture_doctor() FROM PUBLIC;
{{end}}
-- A row that is written here is an event of its account, by a trigger as on the clinic's tables. It is gone again when the
-- transaction ends: only what staging and the log have of it is looked at.
CREATE TABLE notifier.test AS
SELECT a.{{column "appointments.account"}} AS account_id FROM {{table "appointments"}} AS a WITH NO DATA;

ALTER TABLE notifier.test
    ADD COLUMN id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN marker text NOT NULL CHECK (octet_length(marker) BETWEEN 1 AND 100);

COMMENT ON TABLE notifier.test IS 'Where notifier.send_test() writes; always empty.';

CREATE FUNCTION notifier.capture_test() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO notifier.staging (account_id, status, event, releases_doctor, kind)
    VALUES (NEW.account_id, NEW.marker, 'notifier.test', false, 'test');

    IF current_setting('notifier.rung', true) IS DISTINCT FROM '1' THEN
        PERFORM notifier.ring(row_to_json(p)) FROM (
            SELECT 1 AS v, NULL::integer AS "appointmentId", NEW.account_id AS "accountId", NULL::integer AS "doctorId", 'test' AS action) AS p;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER notifier_capture_test AFTER INSERT ON notifier.test FOR EACH ROW EXECUTE FUNCTION notifier.capture_test();

-- Send an event to the screens of an account that means nothing to them, with a marker by which it is found in the log.
CREATE FUNCTION notifier.send_test(account text, marker text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    whose  CONSTANT {{table "appointments"}}.{{column "appointments.account"}}%TYPE NOT NULL := account;
    unable CONSTANT text := (SELECT string_agg(u, '; ') FROM notifier.unable('test') AS u);
    sent   bigint;
BEGIN
    IF unable IS NOT NULL THEN
        RAISE EXCEPTION 'a daemon of an earlier release is here, which cannot read test events: %', unable
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Upgrade it. One that was killed is forgotten after a minute.';
    END IF;
    INSERT INTO notifier.test (account_id, marker) VALUES (whose, send_test.marker) RETURNING id INTO sent;
    DELETE FROM notifier.test AS t WHERE t.id = sent;
END
$$;

-- As they were, with the kind.
{{original "00002_pump.sql" "pump"
    | replace "(seq, epoch, appointment_id" "(seq, epoch, kind, appointment_id"
    | replace "SELECT q.seq, the_end.epoch, q.appointment_id" "SELECT q.seq, the_end.epoch, q.kind, q.appointment_id"}}

{{original "00008_reconcile.sql" "unreported" | replace "m.releases_doctor, m.changed_at\n" "m.releases_doctor, m.changed_at, 'appointment'\n"}}

REVOKE EXECUTE ON FUNCTION notifier.enlist(text, text, bytea, text, text[]), notifier.unable(text), notifier.capture_test(),
    notifier.send_test(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.enlist(text, text, bytea, text, text[]), notifier.unable(text),
    notifier.send_test(text, text) TO {{runtimeRole}};
GRANT SELECT ON notifier.doctor_dto TO {{runtimeRole}};

-- Last, because the clinic's writers wait for it: nothing of this rewrites a table.
ALTER TABLE notifier.event ADD COLUMN kind text NOT NULL DEFAULT 'appointment';
ALTER TABLE notifier.staging ADD COLUMN kind text NOT NULL DEFAULT 'appointment';
COMMENT ON COLUMN notifier.event.kind IS 'appointment, doctor or test: the last two have no appointment_id, and a test no doctor_id.';
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';

-- The trigger is the table owner's. A lock on doctors is taken only where there is one.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = {{literal (table "doctors")}}::regclass AND t.tgname = 'notifier_capture_doctor') THEN
        DROP TRIGGER notifier_capture_doctor ON {{table "doctors"}};
    END IF;
END
$$;

SET LOCAL ROLE {{ownerRole}};
{{- if has "doctors.account"}}
DROP FUNCTION notifier.capture_doctor();
{{- end}}
DROP FUNCTION notifier.send_test(text, text), notifier.unable(text), notifier.enlist(text, text, bytea, text, text[]);
DROP TABLE notifier.test;
DROP FUNCTION notifier.capture_test();
DROP VIEW notifier.doctor_dto;
ALTER TABLE notifier.daemon DROP COLUMN reads;

{{original "00002_pump.sql" "pump"}}

{{original "00008_reconcile.sql" "unreported"}}

-- What daemons of the previous release cannot read goes. To them a log with gaps reads as one that the retention has cut: a daemon
-- that starts does so at its end, and clients' cursors stay good.
DELETE FROM notifier.event WHERE kind <> 'appointment';
ALTER TABLE notifier.event DROP COLUMN kind;
UPDATE notifier.setting SET names = names #- '{columns,doctors.account}';
DELETE FROM notifier.staging WHERE kind <> 'appointment';
ALTER TABLE notifier.staging DROP COLUMN kind;
RESET ROLE;
