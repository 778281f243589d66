-- Which daemons run on this database, where each is found by the others, and what they know it by.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- One row for each daemon that runs. Who may write here may speak for a daemon: that is the runtime role, which reads
-- the log in any case.
CREATE TABLE notifier.daemon (
    id          text PRIMARY KEY CHECK (octet_length(id) BETWEEN 1 AND 64),
    address     text        NOT NULL,
    certificate bytea       NOT NULL,
    version     text        NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at     timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, vacuum_truncate = off);

COMMENT ON TABLE notifier.daemon IS
    'The daemons that run. They pass requests of polling clients on to each other, at this address, over TLS with these certificates.';
COMMENT ON COLUMN notifier.daemon.certificate IS 'Public, in DER; the key never leaves the daemon, which makes both at its start.';
COMMENT ON COLUMN notifier.daemon.seen_at IS 'When the daemon was here last: every few seconds. A row that is a minute behind the others is removed.';

-- A daemon says that it runs, and removes those that do not. A minute is counted back from its own last visit and not from
-- now: when the database was away for longer, nobody could come, and nobody is gone for that reason. An id keeps its certificate.
-- That it runs is nothing that a crash must not lose: the commit does not wait for the disk.
CREATE FUNCTION notifier.enlist(daemon_id text, daemon_address text, daemon_certificate bytea, daemon_version text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before CONSTANT timestamptz := (SELECT d.seen_at FROM notifier.daemon AS d WHERE d.id = daemon_id);
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO notifier.daemon AS d (id, address, certificate, version)
    VALUES (daemon_id, daemon_address, daemon_certificate, daemon_version)
    ON CONFLICT (id) DO UPDATE SET address = excluded.address, seen_at = clock_timestamp()
    WHERE d.certificate = excluded.certificate;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is another daemon of this id' USING ERRCODE = 'unique_violation';
    END IF;
    DELETE FROM notifier.daemon AS d
    WHERE d.id = ANY (ARRAY(SELECT o.id FROM notifier.daemon AS o
                            WHERE o.seen_at < before - interval '1 minute' FOR UPDATE SKIP LOCKED));
END
$$;

-- A daemon says that it ends.
CREATE FUNCTION notifier.discharge(daemon_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    DELETE FROM notifier.daemon AS d WHERE d.id = daemon_id;
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.enlist(text, text, bytea, text), notifier.discharge(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.enlist(text, text, bytea, text), notifier.discharge(text) TO {{runtimeRole}};
GRANT SELECT ON notifier.daemon TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.discharge(text), notifier.enlist(text, text, bytea, text);
DROP TABLE notifier.daemon;
RESET ROLE;
