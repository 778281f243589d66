-- The way back, by `notifier routes remove --doctors`: everybody who reads the doctors waits for it.

SET LOCAL lock_timeout = '{{lockTimeout}}';

DROP TRIGGER IF EXISTS notifier_capture_doctor ON {{table "doctors"}};
