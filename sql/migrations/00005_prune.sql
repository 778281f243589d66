-- The retention: what is older is removed, from the beginning of the log, in small batches.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- One row: how far the log was cut. Everything that was numbered later is in the log, also when nothing is. It is
-- remembered because the index still leads to removed events until they are vacuumed (which one old transaction
-- anywhere in the cluster puts off): whoever asks for the first event steps over all of them. Not in head, so
-- that cutting never stands in a pump's way.
CREATE TABLE notifier.cut (
    singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    seq         bigint      NOT NULL DEFAULT 0,
    numbered_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, vacuum_truncate = off);

INSERT INTO notifier.cut DEFAULT VALUES;

COMMENT ON COLUMN notifier.cut.seq IS 'The last event that the retention removed; 0 if none.';
COMMENT ON COLUMN notifier.cut.numbered_at IS 'When that was numbered, or when notifier was installed: the log is complete from here on.';

-- Remove up to max_events events (and settled effects) older than keep; returns how many events went.
-- One session at a time; the others return 0 at once. An effect that has waited for the whole
-- retention is settled as guarded and stays to be seen for as long again.
CREATE FUNCTION notifier.prune(keep interval, max_events integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    horizon  timestamptz := clock_timestamp() - keep;
    before   notifier.cut;
    after    notifier.cut;
    removed  integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('notifier.prune')) THEN
        RETURN 0;
    END IF;

    -- Events are numbered in the order of time, so the old ones are a prefix of the log, and of what waits.
    UPDATE notifier.effect AS e SET outcome = 'guarded', settled_at = clock_timestamp()
    WHERE e.seq = ANY (ARRAY(SELECT w.seq FROM notifier.effect AS w
                             WHERE w.outcome IS NULL
                               AND w.seq <= (SELECT max(o.seq)
                                             FROM (SELECT f.seq, f.asked_at FROM notifier.effect AS f
                                                   WHERE f.outcome IS NULL ORDER BY f.seq LIMIT max_events) AS o
                                             WHERE o.asked_at < horizon)
                             ORDER BY w.seq FOR UPDATE SKIP LOCKED));

    SELECT c.* INTO before FROM notifier.cut AS c;
    SELECT true, coalesce(max(o.seq), before.seq), coalesce(max(o.numbered_at), before.numbered_at) INTO after
    FROM (SELECT e.seq, e.numbered_at FROM notifier.event AS e WHERE e.seq > before.seq ORDER BY e.seq LIMIT max_events) AS o
    WHERE o.numbered_at < horizon;

    DELETE FROM notifier.event AS e WHERE e.seq > before.seq AND e.seq <= after.seq;
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF removed > 0 THEN
        UPDATE notifier.cut SET seq = after.seq, numbered_at = after.numbered_at;
    END IF;

    -- The effects of these events; and, when all old events are gone, those that were settled after their event went.
    DELETE FROM notifier.effect AS e
    WHERE e.seq = ANY (ARRAY(SELECT w.seq FROM notifier.effect AS w
                             WHERE w.seq > CASE WHEN removed < max_events THEN 0 ELSE before.seq END
                               AND w.seq <= after.seq AND w.settled_at < horizon
                             ORDER BY w.seq LIMIT 2 * max_events FOR UPDATE SKIP LOCKED));
    RETURN removed;
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.prune(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.prune(interval, integer) TO {{runtimeRole}};
GRANT SELECT ON notifier.cut TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.prune(interval, integer);
DROP TABLE notifier.cut;
RESET ROLE;
