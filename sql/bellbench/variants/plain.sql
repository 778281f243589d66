-- NOTIFY in every transaction, as most tutorials have it.
CREATE OR REPLACE FUNCTION notifier.ring(payload json) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('notifier.rung', '1', true);
    PERFORM pg_notify('notifier_bell', payload::text);
END
$$;
