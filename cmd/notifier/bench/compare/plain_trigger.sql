-- What most would write: a trigger that notifies of every appointment that ends. The floor and the NestJS gateway live on it.
CREATE FUNCTION notify_status_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    action text := (SELECT s.code FROM appointment_status AS s WHERE s.id = NEW."statusId");
BEGIN
    IF action IN ('FINALIZADO', 'CANCELADO') THEN
        PERFORM pg_notify('status_change', json_build_object(
            'id', NEW.id, 'accountId', NEW."accountId", 'doctorId', NEW."doctorId", 'action', action)::text);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER status_change AFTER UPDATE OF "statusId" ON appointments
    FOR EACH ROW WHEN (OLD."statusId" IS DISTINCT FROM NEW."statusId") EXECUTE FUNCTION notify_status_change();
