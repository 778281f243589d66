-- advance() is pump() and the read that follows it in one call, so that a lone event takes one round trip less. Silent
-- writers leave a mark, so that daemons look again soon for their rows and need not after every event; and in a crowd
-- nobody rings for a moment. release() settles many doctors with few statements.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

ALTER TABLE notifier.setting ADD COLUMN silent_until timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN notifier.setting.silent_until IS 'Until when a daemon looks by itself every few milliseconds, so that nobody need ring: see notifier.advance().';

{{original "00006_capture.sql" "ring"
    | replace "    THEN\n        PERFORM pg_notify('notifier_bell', payload::text);\n    END IF;" "    THEN\n        PERFORM pg_notify('notifier_bell', payload::text);\n    ELSE\n        PERFORM pg_try_advisory_xact_lock_shared(bells, silent);  -- see advance()\n    END IF;"
    | replace "    alone CONSTANT integer := -1;\n" "    alone CONSTANT integer := -1;\n    silent CONSTANT integer := -2;\n"
    | replace "s.bell AND s.bell_until > clock_timestamp() FROM" "s.bell AND s.bell_until > clock_timestamp()\n        AND s.silent_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '10 s'  -- later: the clock was set back\n        FROM"}}

-- Number up to max_events staged rows, and bring them if they follow after_seq and are max_rows at most. Returns
-- no row when another daemon is numbering, else at least one, whose first columns are the same in all: the end of the log, how
-- many events this call added, whether effects wait, and whether a writer was at work whose commit will ring no bell. The
-- caller may count on an event only when the call has ended well: before, it is not committed. Nor can anybody else number
-- until the caller has taken its rows: let max_rows be so small that they fit into the buffers of a connection whose
-- other end reads no more.
--
-- Who will look again by himself within a few milliseconds, because events come in a crowd, asks for silence, in
-- milliseconds, ten seconds at most: nobody rings for so long. A bell costs its writer a place in NOTIFY's line, and
-- everybody who listens a wake-up.
CREATE FUNCTION notifier.advance(max_events integer, after_seq bigint, max_rows integer, silence integer)
RETURNS TABLE (last_seq bigint, last_epoch bigint, numbered integer, effects_wait boolean, silent_writers boolean,
               seq bigint, epoch bigint, kind text, account text, account_json text, appointment text, appointment_json text,
               doctor text, doctor_json text, status text, event text, changed_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    bells  CONSTANT integer := 1853122169;
    silent CONSTANT integer := -2;
    done   record;
    marked boolean;
BEGIN
    -- Looked at before the numbering: who has left the mark and committed by then is numbered. The lock is held for no longer
    -- than it takes to see that nobody else holds it: a writer that comes at this moment leaves no mark, and its row waits
    -- for the next look. One expression: a cancel cannot come in between and leave the lock to the session.
    marked := CASE WHEN pg_try_advisory_lock(bells, silent) THEN NOT pg_advisory_unlock(bells, silent) ELSE true END;
    SELECT p.* INTO done FROM notifier.pump(max_events) AS p;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    silence := least(silence, 10000);
    IF silence > 0 AND done.numbered > 0 THEN
        -- Not where somebody holds the settings: the log does not wait.
        PERFORM FROM notifier.setting AS s
        WHERE s.silent_until NOT BETWEEN clock_timestamp() + make_interval(secs => silence / 2000.0) AND clock_timestamp() + interval '10 s'
        FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            UPDATE notifier.setting AS s SET silent_until = clock_timestamp() + make_interval(secs => silence / 1000.0);
        END IF;
    END IF;
    IF done.numbered BETWEEN 1 AND max_rows AND done.last_seq - done.numbered = after_seq THEN
        RETURN QUERY
        SELECT done.last_seq, done.last_epoch, done.numbered, done.effects_wait, marked,
               e.seq, e.epoch, e.kind, coalesce(e.account_id::text, ''), to_json(e.account_id)::text,
               coalesce(e.appointment_id::text, ''), to_json(e.appointment_id)::text, coalesce(e.doctor_id::text, ''), to_json(e.doctor_id)::text,
               e.status, e.event, e.changed_at
        FROM notifier.event AS e WHERE e.seq > after_seq ORDER BY e.seq;
    ELSE
        RETURN QUERY
        SELECT done.last_seq, done.last_epoch, done.numbered, done.effects_wait, marked,
               NULL::bigint, NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text,
               NULL::text, NULL::text, NULL::timestamptz;
    END IF;
END
$$;

-- Settle waiting effects until max_doctors are settled: those of doctors whose retry is due, and of doctors with an event
-- after since_seq (somebody's service may just have ended).
--
-- Doctors are taken by one, two, four and so on. Who serves, or is free already, is judged without a lock. The others' rows
-- are locked by one statement and judged again by a later one, whose snapshot is younger than the lock. A row that somebody
-- else holds is passed over and tried again at the next call. An error (somebody's trigger on doctors) undoes what was
-- done for those that were taken together; they are taken again one at a time, so that it is noted, by its SQLSTATE, of
-- the doctor whom it concerns. When the whole table is locked the call fails after lock_timeout and nothing has changed.
-- An effect is settled in the transaction that writes the doctor: that is what makes it once.
--
-- The rows stay locked until the call ends, and the clinic may want them: 5 ms after the first it ends with what it
-- has, without any after 250 ms, and the caller calls again.
--
-- Returns one row for each effect that was settled or whose problem is new.
CREATE OR REPLACE FUNCTION notifier.release(max_doctors integer, since_seq bigint)
RETURNS TABLE (seq bigint, outcome text, problem text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' SET enable_seqscan = off SET jit = off
SET plan_cache_mode = force_generic_plan  -- to plan these statements at every call takes longer than they do
AS $$
DECLARE
    began   CONSTANT timestamptz := clock_timestamp();
    locked  timestamptz;      -- since when rows of doctors are locked
    holds   timestamptz;      -- the same, if what is being done is not undone
    due     bigint[];         -- effects, doctor by doctor
    ends    integer[];        -- where each doctor's end in due
    place   integer := 0;     -- how many doctors are done with
    size    integer := 1;     -- how many are taken together
    alone   integer := 0;     -- up to which one they are taken one at a time
    asked   bigint[];         -- effects of those who are taken, and then by what became of them
    gone    bigint[];
    guarded bigint[];
    free    bigint[];
    busy    bigint[];
    still   bigint[];
    firsts  bigint[];         -- of each doctor who is released
    done    integer;
BEGIN
    IF NOT EXISTS (SELECT FROM notifier.effect AS e WHERE e.outcome IS NULL) THEN
        RETURN;
    END IF;
    -- The doctors' rows are locked until the commit is flushed, unless it does not wait for that. A crash that loses it
    -- loses all of it: the effects wait again.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Where the whole table is locked it is here that we fail, not doctor by doctor.
    PERFORM FROM {{table "doctors"}} AS d WHERE false FOR NO KEY UPDATE;
    -- Written down, so that a doctor who is passed over now stays due, for whichever daemon comes next.
    IF since_seq < (SELECT h.seq FROM notifier.head AS h) THEN
        WITH waiting AS MATERIALIZED (
            SELECT w.seq, w.doctor_id, w.retry_at FROM notifier.effect AS w WHERE w.outcome IS NULL
        ), early AS (
            SELECT e.seq FROM notifier.effect AS e
            WHERE e.seq = ANY (ARRAY(SELECT w.seq FROM waiting AS w
                                     WHERE w.retry_at > clock_timestamp()
                                       AND w.doctor_id IN (SELECT n.doctor_id FROM notifier.event AS n WHERE n.seq > since_seq)))
            FOR UPDATE SKIP LOCKED
        )
        UPDATE notifier.effect AS e SET retry_at = clock_timestamp() FROM early AS y WHERE e.seq = y.seq;
    END IF;
    -- A deferred constraint on doctors must raise where it is known whom it concerns, not at everybody's commit.
    SET CONSTRAINTS ALL IMMEDIATE;

    -- Who was not tried yet comes first. One doctor at a time means that the last call was cut short: then any of
    -- them, so that the one whose trigger hangs does not stand before the others every time.
    WITH doctors AS MATERIALIZED (
        SELECT array_agg(w.seq ORDER BY w.seq) AS seqs,
               row_number() OVER (ORDER BY CASE WHEN max_doctors > 1 THEN min(w.tries) END,
                                           CASE WHEN max_doctors > 1 THEN min(w.seq) END, random()) AS n
        FROM notifier.effect AS w
        WHERE w.outcome IS NULL
        GROUP BY w.doctor_id
        HAVING min(w.retry_at) <= clock_timestamp()
    )
    SELECT ARRAY(SELECT unnest(d.seqs) FROM doctors AS d ORDER BY d.n),
           ARRAY(SELECT sum(cardinality(d.seqs)) OVER (ORDER BY d.n) FROM doctors AS d ORDER BY d.n)
    INTO due, ends;

    WHILE place < cardinality(ends) AND max_doctors > 0
          AND clock_timestamp() <= least(locked + interval '5 ms', began + interval '250 ms')
    LOOP
        IF place >= alone THEN
            size := least(size, max_doctors, cardinality(ends) - place);
        ELSE
            size := 1;
        END IF;
        asked := due[coalesce(ends[place], 0) + 1 : ends[place + size]];
        holds := locked;
        BEGIN
            SELECT array_agg(e.seq) FILTER (WHERE j.verdict = 'gone'), array_agg(e.seq) FILTER (WHERE j.verdict = 'guarded'),
                   array_agg(e.seq) FILTER (WHERE j.verdict = 'was_free'), array_agg(e.seq) FILTER (WHERE j.verdict = 'busy')
            INTO gone, guarded, free, busy
            FROM (SELECT array_agg(f.seq) AS seqs,
                         CASE (SELECT coalesce(d.{{column "doctors.busy"}}, false) FROM {{table "doctors"}} AS d
                               WHERE d.{{column "doctors.id"}} = f.doctor_id)
                             WHEN true THEN CASE WHEN notifier.may_release(f.doctor_id) THEN 'busy' ELSE 'guarded' END
                             WHEN false THEN CASE WHEN notifier.may_release(f.doctor_id) THEN 'was_free' ELSE 'guarded' END
                             ELSE 'gone'
                         END AS verdict
                  FROM notifier.effect AS f WHERE f.seq = ANY (asked) GROUP BY f.doctor_id) AS j
            CROSS JOIN unnest(j.seqs) AS e(seq);

            IF busy IS NOT NULL THEN
                busy := ARRAY(
                    SELECT e.seq FROM notifier.effect AS e
                    CROSS JOIN LATERAL (SELECT FROM {{table "doctors"}} AS d
                                        WHERE d.{{column "doctors.id"}} = e.doctor_id AND d.{{column "doctors.busy"}}
                                        FOR NO KEY UPDATE SKIP LOCKED) AS d
                    WHERE e.seq = ANY (busy));
                holds := coalesce(holds, CASE WHEN busy <> '{}' THEN clock_timestamp() END);
                SELECT array_agg(e.seq) FILTER (WHERE j.may), array_agg(e.seq) FILTER (WHERE NOT j.may) INTO busy, still
                FROM (SELECT array_agg(f.seq) AS seqs, notifier.may_release(f.doctor_id) AS may
                      FROM notifier.effect AS f WHERE f.seq = ANY (busy) GROUP BY f.doctor_id) AS j
                CROSS JOIN unnest(j.seqs) AS e(seq);
                guarded := guarded || still;
            END IF;

            -- Another daemon may have settled them since we looked, or the retention may be at it.
            IF busy IS NOT NULL THEN
                busy := ARRAY(SELECT e.seq FROM notifier.effect AS e
                              WHERE e.seq = ANY (busy) AND e.outcome IS NULL ORDER BY e.seq FOR UPDATE SKIP LOCKED);
                firsts := ARRAY(SELECT min(e.seq) FROM notifier.effect AS e WHERE e.seq = ANY (busy) GROUP BY e.doctor_id);
                UPDATE {{table "doctors"}} AS d SET {{column "doctors.busy"}} = false
                WHERE d.{{column "doctors.id"}} = ANY (ARRAY(SELECT e.doctor_id FROM notifier.effect AS e WHERE e.seq = ANY (firsts)));
                GET DIAGNOSTICS done = ROW_COUNT;
                IF done < cardinality(firsts) THEN
                    RAISE triggered_action_exception USING MESSAGE = 'a trigger left a doctor busy';
                END IF;
                RETURN QUERY
                UPDATE notifier.effect AS e
                SET outcome = CASE WHEN e.seq = ANY (firsts) THEN 'released' ELSE 'was_free' END,
                    settled_at = clock_timestamp(), tries = e.tries + 1, problem = NULL
                WHERE e.seq = ANY (busy)
                RETURNING e.seq, e.outcome, e.problem;
                GET DIAGNOSTICS done = ROW_COUNT;
                max_doctors := max_doctors - done;
            END IF;
            IF free IS NOT NULL OR gone IS NOT NULL THEN
                RETURN QUERY
                UPDATE notifier.effect AS e
                SET outcome = CASE WHEN e.seq = ANY (gone) THEN 'gone' ELSE 'was_free' END,
                    settled_at = clock_timestamp(), tries = e.tries + 1, problem = NULL
                WHERE e.seq = ANY (ARRAY(SELECT f.seq FROM notifier.effect AS f
                                         WHERE f.seq = ANY (free || gone) AND f.outcome IS NULL FOR UPDATE SKIP LOCKED))
                RETURNING e.seq, e.outcome, e.problem;
                GET DIAGNOSTICS done = ROW_COUNT;
                max_doctors := max_doctors - done;
            END IF;
            IF guarded IS NOT NULL THEN
                RETURN QUERY SELECT * FROM notifier.postpone(guarded, 'guarded');
            END IF;
            locked := holds;
            place := place + size;
            size := least(2 * size, 32);
        EXCEPTION WHEN OTHERS THEN
            IF size = 1 THEN
                RETURN QUERY SELECT * FROM notifier.postpone(asked, SQLSTATE);
                place := place + 1;
            ELSE
                alone := place + size;
            END IF;
        END;
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.advance(integer, bigint, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.advance(integer, bigint, integer, integer) TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.advance(integer, bigint, integer, integer);

{{original "00003_release.sql" "release"}}

{{original "00006_capture.sql" "ring"}}
ALTER TABLE notifier.setting DROP COLUMN silent_until;
RESET ROLE;
