-- The optional trigger on the clinic's doctors, by `notifier routes add --doctors`. It locks the table against writers for a moment,
-- as its owner. As on the appointments there is no column list: a state that somebody's BEFORE trigger sets would be missed.

SET LOCAL lock_timeout = '{{lockTimeout}}';

CREATE OR REPLACE TRIGGER notifier_capture_doctor AFTER UPDATE ON {{table "doctors"}}
    FOR EACH ROW
    WHEN (OLD.{{column "doctors.busy"}} IS DISTINCT FROM NEW.{{column "doctors.busy"}})
    EXECUTE FUNCTION notifier.capture_doctor({{literal event}});
