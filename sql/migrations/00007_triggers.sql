-- The triggers on the clinic's table, in a migration of their own: the only statements that lock it
-- against writers. They run as the table's owner; lock_timeout keeps a busy clinic from queueing up behind
-- them, and `notifier migrate` tries again with growing pauses.
--
-- No `UPDATE OF` column list: a status that somebody's BEFORE trigger sets would be missed.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';

CREATE TRIGGER notifier_capture_update AFTER UPDATE ON {{table "appointments"}}
    FOR EACH ROW
    WHEN (OLD.{{column "appointments.status"}} IS DISTINCT FROM NEW.{{column "appointments.status"}})
    EXECUTE FUNCTION notifier.capture();

CREATE TRIGGER notifier_capture_insert AFTER INSERT ON {{table "appointments"}}
    FOR EACH ROW
    EXECUTE FUNCTION notifier.capture();

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
DROP TRIGGER notifier_capture_insert ON {{table "appointments"}};
DROP TRIGGER notifier_capture_update ON {{table "appointments"}};
