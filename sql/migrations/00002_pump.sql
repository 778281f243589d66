-- pump() moves committed rows from staging into the log and numbers them.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- Which server writes the log, since when, and into which file: whatever could put an older log under the same
-- numbers changes it. A promotion changes the timeline, a copy the database, a dump restored in place the file, and a
-- backup or snapshot that goes on in the same timeline the start of the server. That a plain restart changes it,
-- too, costs a row: an epoch that lost nothing leaves all cursors good.
--
-- Where a managed server refuses the first two, the others remain. In PL/pgSQL, which keeps the plan: as an SQL
-- function it was planned at every call, a fifth of an empty pump's time.
CREATE FUNCTION notifier.server() RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    line text;
BEGIN
    BEGIN
        line := (SELECT c.system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system() AS c);
    EXCEPTION WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN
        line := 'unknown';
    END;
    RETURN line || '/' || (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        || '/' || pg_relation_filenode('notifier.head') || '/' || extract(epoch FROM pg_postmaster_start_time());
END
$$;

-- Number up to max_events staged rows. Every daemon calls it; the row lock on head lets one through and
-- sends the others away without a row. The numbering is a statement of its own, so its snapshot is younger
-- than the lock and sees all that earlier pumps have done.
--
-- Returns one row: the end of the log, how many events this call added, and whether effects wait.
--
-- No sequential scans: a daemon's session plans these statements while the tables are empty, and would keep
-- that plan when a hundred thousand rows wait.
CREATE FUNCTION notifier.pump(max_events integer)
RETURNS TABLE (last_seq bigint, last_epoch bigint, numbered integer, effects_wait boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    the_end notifier.head;
    here    text;
BEGIN
    SELECT h.* INTO the_end FROM notifier.head AS h FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    here := notifier.server();
    IF here IS DISTINCT FROM the_end.server THEN
        -- The first server of an empty log is no change. Later epochs are named by the clock, in microseconds, because
        -- two restores of one backup, or two replicas promoted at once, must not open the same one.
        IF the_end.seq > 0 THEN
            the_end.epoch := greatest(the_end.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
        END IF;
        INSERT INTO notifier.epoch (epoch, after_seq, server) VALUES (the_end.epoch, the_end.seq, here)
        ON CONFLICT (epoch) DO UPDATE SET server = excluded.server;
        UPDATE notifier.head SET epoch = the_end.epoch, server = here;
    END IF;

    WITH batch AS (
        DELETE FROM notifier.staging AS s
        WHERE s.id = ANY (ARRAY(SELECT o.id FROM notifier.staging AS o ORDER BY o.id LIMIT max_events))
        RETURNING s.*
    ), sequence AS (
        SELECT b.*, the_end.seq + row_number() OVER (ORDER BY b.id) AS seq FROM batch AS b
    ), logged AS (
        INSERT INTO notifier.event
               (seq, epoch, appointment_id, account_id, doctor_id, from_status, status, event, changed_at)
        SELECT q.seq, the_end.epoch, q.appointment_id, q.account_id, q.doctor_id, q.from_status, q.status, q.event, q.changed_at
        FROM sequence AS q ORDER BY q.seq
    ), asked AS (
        INSERT INTO notifier.effect (seq, appointment_id, doctor_id)
        SELECT q.seq, q.appointment_id, q.doctor_id FROM sequence AS q
        WHERE q.releases_doctor AND q.doctor_id IS NOT NULL
        ORDER BY q.seq
    )
    SELECT count(*) INTO numbered FROM sequence;

    IF numbered > 0 THEN
        -- What was told to clients under a number must survive a crash, and the clinic's commit before it.
        IF current_setting('synchronous_commit') = 'off' THEN
            PERFORM set_config('synchronous_commit', 'local', true);
        END IF;
        the_end.seq := the_end.seq + numbered;
        UPDATE notifier.head SET seq = the_end.seq;
    END IF;

    last_seq := the_end.seq;
    last_epoch := the_end.epoch;
    effects_wait := EXISTS (SELECT FROM notifier.effect AS e WHERE e.outcome IS NULL);
    RETURN NEXT;
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.server(), notifier.pump(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.pump(integer) TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.pump(integer), notifier.server();
RESET ROLE;
