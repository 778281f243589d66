-- Nothing at the update; at the commit a deferred trigger on staging rings, once, if nobody else is committing with a bell.
CREATE OR REPLACE FUNCTION notifier.ring(payload json) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
END
$$;
CREATE OR REPLACE FUNCTION notifier.bench_ring() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('notifier.rung', true) IS DISTINCT FROM '1'
       AND (SELECT s.bell FROM notifier.setting AS s)
       AND (SELECT s.bell_until > clock_timestamp() FROM notifier.setting AS s)
       AND pg_try_advisory_xact_lock(1853122169, 1)
    THEN
        PERFORM set_config('notifier.rung', '1', true);
        PERFORM pg_notify('notifier_bell', row_to_json(p)::text) FROM (
            SELECT 1 AS v, NEW.appointment_id AS "appointmentId", NEW.account_id AS "accountId",
                   NEW.doctor_id AS "doctorId", NEW.status AS action) AS p;
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER bench_ring AFTER INSERT ON notifier.staging
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION notifier.bench_ring();
