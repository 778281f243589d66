-- One key for all: whoever carries the bell silences everybody until he commits.
CREATE OR REPLACE FUNCTION notifier.ring(payload json) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (SELECT s.bell FROM notifier.setting AS s)
       AND (SELECT s.bell_until > clock_timestamp() FROM notifier.setting AS s)
       AND octet_length(payload::text) < 7000
       AND pg_try_advisory_xact_lock(1853122169, 1)
    THEN
        PERFORM set_config('notifier.rung', '1', true);
        PERFORM pg_notify('notifier_bell', payload::text);
    END IF;
END
$$;
