-- advance() is pump() and the read that follows it in one call, so that a lone event takes one round trip less; and silent
-- writers leave a mark, so that daemons look again soon for their rows and need not after every event.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

{{original "00006_capture.sql" "ring"
    | replace "    THEN\n        PERFORM pg_notify('notifier_bell', payload::text);\n    END IF;" "    THEN\n        PERFORM pg_notify('notifier_bell', payload::text);\n    ELSE\n        PERFORM pg_try_advisory_xact_lock_shared(bells, silent);  -- see advance()\n    END IF;"
    | replace "    alone CONSTANT integer := -1;\n" "    alone CONSTANT integer := -1;\n    silent CONSTANT integer := -2;\n"}}

-- Number up to max_events staged rows, and bring up to max_rows events that follow after_seq, if what was numbered does. Returns
-- no row when another daemon is numbering, else at least one, whose first columns are the same in all: the end of the log, how
-- many events this call added, whether effects wait, and whether a writer is at work whose commit will ring no bell. The
-- caller may count on an event only when the call has ended well: before, it is not committed.
CREATE FUNCTION notifier.advance(max_events integer, after_seq bigint, max_rows integer)
RETURNS TABLE (last_seq bigint, last_epoch bigint, numbered integer, effects_wait boolean, silent_writers boolean,
               seq bigint, epoch bigint, kind text, account text, account_json text, appointment text, appointment_json text,
               doctor text, doctor_json text, status text, event text, changed_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    bells  CONSTANT integer := 1853122169;
    silent CONSTANT integer := -2;
    done   record;
    marked boolean;
BEGIN
    SELECT p.* INTO done FROM notifier.pump(max_events) AS p;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Held for no longer than it takes to see that nobody else holds it: a writer that comes at this moment leaves no mark, and
    -- its row waits for the next look.
    marked := NOT pg_try_advisory_lock(bells, silent);
    IF NOT marked THEN
        PERFORM pg_advisory_unlock(bells, silent);
    END IF;
    IF done.numbered > 0 AND done.last_seq - done.numbered = after_seq THEN
        RETURN QUERY
        SELECT done.last_seq, done.last_epoch, done.numbered, done.effects_wait, marked,
               e.seq, e.epoch, e.kind, coalesce(e.account_id::text, ''), to_json(e.account_id)::text,
               coalesce(e.appointment_id::text, ''), to_json(e.appointment_id)::text, coalesce(e.doctor_id::text, ''), to_json(e.doctor_id)::text,
               e.status, e.event, e.changed_at
        FROM notifier.event AS e WHERE e.seq > after_seq ORDER BY e.seq LIMIT max_rows;
    ELSE
        RETURN QUERY
        SELECT done.last_seq, done.last_epoch, done.numbered, done.effects_wait, marked,
               NULL::bigint, NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text,
               NULL::text, NULL::text, NULL::timestamptz;
    END IF;
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.advance(integer, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.advance(integer, bigint, integer) TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.advance(integer, bigint, integer);

{{original "00006_capture.sql" "ring"}}
RESET ROLE;
