-- What the oracle compares with: the clinic notes each change in the transaction that makes it, while it holds the
-- appointment's row, so for one appointment the order of id is the order of the changes.
CREATE SCHEMA chaos;
GRANT USAGE ON SCHEMA chaos TO clinic_app;

CREATE TABLE chaos.change (
    id             bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    appointment_id integer     NOT NULL,
    account_id     integer     NOT NULL,
    doctor_id      integer     NOT NULL,
    status         text        NOT NULL,
    at             timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON chaos.change TO clinic_app;

-- Who was set free, and whether he was serving somebody at that moment. The clinic's writers never set anybody free.
CREATE TABLE chaos.freed (
    doctor_id integer     NOT NULL,
    serving   boolean     NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who began to serve. Noted in the transaction that says so.
CREATE TABLE chaos.attended (
    doctor_id integer     NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT INSERT ON chaos.attended TO clinic_app;

CREATE INDEX ON chaos.attended (doctor_id, at);
CREATE INDEX ON chaos.freed (doctor_id, at);

CREATE FUNCTION chaos.note_freed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO chaos.freed (doctor_id, serving)
    SELECT NEW.id, EXISTS (SELECT FROM appointments AS a JOIN appointment_status AS s ON s.id = a."statusId"
                           WHERE a."doctorId" = NEW.id AND s.code = 'EM_ATENDIMENTO' AND a."deletedAt" IS NULL);
    RETURN NULL;
END
$$;

CREATE TRIGGER chaos_freed AFTER UPDATE ON doctors
    FOR EACH ROW WHEN (OLD."isBusy" AND NOT NEW."isBusy") EXECUTE FUNCTION chaos.note_freed();

-- The log as the oracle reads it. A scenario whose retention cuts it replaces this view by an archive.
CREATE VIEW chaos.log AS
SELECT e.seq, e.epoch, e.appointment_id, e.account_id, e.status, e.changed_at, e.numbered_at FROM notifier.event AS e;

-- Releases as notifier notes them; replaced by an archive, too, where the retention removes them.
CREATE VIEW chaos.released AS
SELECT e.seq, e.doctor_id FROM notifier.effect AS e WHERE e.outcome = 'released';
