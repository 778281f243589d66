-- The outbox: what the trigger writes (staging), the numbered log that daemons read (event, head, epoch),
-- what a finalisation asks for (effect), and what DBAs steer by (route, setting).

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- Written by the trigger in the clinic's own transaction, emptied by pump(). The ids take the clinic's
-- own column types. Identity numbers must not be cached: for one appointment, a later change must get
-- the higher number whichever session makes it.
CREATE TABLE notifier.staging AS
SELECT a.{{column "appointments.id"}}      AS appointment_id,
       a.{{column "appointments.account"}} AS account_id,
       a.{{column "appointments.doctor"}}  AS doctor_id
FROM {{table "appointments"}} AS a
WITH NO DATA;

ALTER TABLE notifier.staging
    ADD COLUMN id              bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    ADD COLUMN from_status     text,
    ADD COLUMN status          text        NOT NULL,
    ADD COLUMN event           text        NOT NULL,
    ADD COLUMN releases_doctor boolean     NOT NULL,
    ADD COLUMN changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
         -- To give pages back to the disk, vacuum locks the table against writers: here, the clinic's.
         vacuum_truncate = off, toast.vacuum_truncate = off);

COMMENT ON TABLE notifier.staging IS
    'Committed status changes that no daemon has numbered yet. Rows live for milliseconds.';

-- The log. seq has no gaps; only pump() writes here.
CREATE TABLE notifier.event AS
SELECT s.appointment_id, s.account_id, s.doctor_id FROM notifier.staging AS s WITH NO DATA;

ALTER TABLE notifier.event
    ADD COLUMN seq         bigint PRIMARY KEY,
    ADD COLUMN epoch       bigint      NOT NULL,
    ADD COLUMN from_status text,
    ADD COLUMN status      text        NOT NULL,
    ADD COLUMN event       text        NOT NULL,
    ADD COLUMN changed_at  timestamptz NOT NULL,
    ADD COLUMN numbered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN account_hash bigint GENERATED ALWAYS AS (hashtextextended(account_id::text COLLATE "C", 0)) STORED,
    SET (vacuum_truncate = off);

-- By the hash and not by the account itself, which may be a text: an index row of more than 2704 bytes
-- cannot be stored, and pump() would stop at the event that brings it.
CREATE INDEX event_account_seq ON notifier.event (account_hash, seq);

COMMENT ON TABLE notifier.event IS
    'The log that every daemon reads in the order of seq, kept until the retention. Ids only, no patient data.';
COMMENT ON COLUMN notifier.event.account_hash IS
    'To find one account''s events: account_hash = hashtextextended(account COLLATE "C", 0) AND account_id::text COLLATE "C" = account.';

-- One row: the end of the log. pump() locks it, so that one session numbers at a time. Epochs are named by the
-- clock from the first one on: a cursor from before an uninstall must not be good in the log after it.
CREATE TABLE notifier.head (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    seq       bigint NOT NULL DEFAULT 0,
    epoch     bigint NOT NULL DEFAULT extract(epoch FROM clock_timestamp()) * 1000000,
    server    text
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, vacuum_truncate = off);

INSERT INTO notifier.head DEFAULT VALUES;

COMMENT ON COLUMN notifier.head.server IS
    'notifier.server() of the last pump; a change opens an epoch.';

-- A new server or timeline may have lost the end of the log. Numbers after after_seq of an older epoch
-- are then not the events that a client saw under these numbers.
CREATE TABLE notifier.epoch (
    epoch     bigint PRIMARY KEY,
    after_seq bigint      NOT NULL,
    server    text        NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row for each event that asks for the release of a doctor. outcome NULL: still to be done.
CREATE TABLE notifier.effect AS
SELECT s.appointment_id, s.doctor_id FROM notifier.staging AS s WITH NO DATA;

ALTER TABLE notifier.effect
    ADD COLUMN seq        bigint PRIMARY KEY,
    ADD COLUMN asked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN retry_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN tries      integer     NOT NULL DEFAULT 0,
    ADD COLUMN problem    text,
    ADD COLUMN outcome    text CHECK (outcome IN ('released', 'was_free', 'guarded', 'gone')),
    ADD COLUMN settled_at timestamptz,
    SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
         vacuum_truncate = off);

CREATE INDEX effect_waiting ON notifier.effect (seq) WHERE outcome IS NULL;

COMMENT ON COLUMN notifier.effect.problem IS
    'Why the last try did not settle it: guarded (a doctor is serving), or an SQLSTATE. Never a message, which may hold data.';

-- Which status raises which event, and whether it releases the doctor. Edit it with plain SQL: the
-- trigger reads it at every change. It is also the list of allowed events: nothing else is ever sent.
CREATE TABLE notifier.route (
    status          text PRIMARY KEY,
    event           text    NOT NULL CHECK (octet_length(event) BETWEEN 1 AND 100 AND event ~ '^[[:alnum:]_.:-]+$'
                            AND event NOT IN ('connect', 'connect_error', 'disconnect', 'disconnecting',
                                              'newListener', 'removeListener')),
    releases_doctor boolean NOT NULL DEFAULT false
);

INSERT INTO notifier.route (status, event, releases_doctor) VALUES
    ({{status "FINALIZADO"}}, 'appointmnents.finished', true),
    ({{status "CANCELADO"}},  'appointmnents.finished', false);

-- One row of settings that `notifier migrate` writes and the trigger or later migrations read.
CREATE TABLE notifier.setting (
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    bell       boolean     NOT NULL,
    bell_until timestamptz NOT NULL DEFAULT '-infinity',
    names      jsonb       NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, vacuum_truncate = off);

INSERT INTO notifier.setting (bell, names) VALUES ({{bell}}, {{names}});

COMMENT ON COLUMN notifier.setting.bell IS 'Whether the trigger raises NOTIFY. Off for applications that use PREPARE TRANSACTION.';
COMMENT ON COLUMN notifier.setting.bell_until IS 'Until when daemons listen and the queue of NOTIFY has room: see notifier.lend_bell().';
COMMENT ON COLUMN notifier.setting.names IS 'The table, column, status and role names that the migrations were rendered with.';

GRANT SELECT ON notifier.staging, notifier.event, notifier.head, notifier.epoch, notifier.effect,
                notifier.route, notifier.setting TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP TABLE notifier.setting, notifier.route, notifier.effect, notifier.epoch, notifier.head, notifier.event, notifier.staging;
RESET ROLE;
