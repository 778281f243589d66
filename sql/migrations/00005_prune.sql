-- The retention: what is older is removed, from the beginning of the log, in small batches.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- Remove up to max_events events (and settled effects) older than keep; returns how many events went.
-- One session at a time; the others return 0 at once. It never touches head, so it never stands in a pump's
-- way: how far the log was cut is the number before its first event. An effect that has waited for the whole
-- retention is settled as guarded and stays to be seen for as long again.
CREATE FUNCTION notifier.prune(keep interval, max_events integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    horizon    timestamptz := clock_timestamp() - keep;
    cut        bigint;
    removed    integer;
    first_kept bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('notifier.prune')) THEN
        RETURN 0;
    END IF;

    UPDATE notifier.effect AS e SET outcome = 'guarded', settled_at = clock_timestamp()
    WHERE e.seq = ANY (ARRAY(SELECT w.seq FROM notifier.effect AS w
                             WHERE w.outcome IS NULL AND w.asked_at < horizon
                             ORDER BY w.seq LIMIT max_events FOR UPDATE SKIP LOCKED));

    -- Events are numbered in the order of time, so the old ones are a prefix of the log.
    SELECT max(o.seq) INTO cut
    FROM (SELECT e.seq, e.numbered_at FROM notifier.event AS e ORDER BY e.seq LIMIT max_events) AS o
    WHERE o.numbered_at < horizon;

    DELETE FROM notifier.event AS e WHERE e.seq <= cut;
    GET DIAGNOSTICS removed = ROW_COUNT;

    -- Effects whose events are gone by now, whenever that was: one that waited long was settled late.
    SELECT coalesce(min(e.seq), 9223372036854775807) INTO first_kept FROM notifier.event AS e;
    DELETE FROM notifier.effect AS e
    WHERE e.seq = ANY (ARRAY(SELECT w.seq FROM notifier.effect AS w
                             WHERE w.seq < first_kept AND w.settled_at < horizon
                             ORDER BY w.seq LIMIT 2 * max_events FOR UPDATE SKIP LOCKED));
    RETURN removed;
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.prune(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.prune(interval, integer) TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.prune(interval, integer);
RESET ROLE;
