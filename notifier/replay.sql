-- The events of accounts in stretches of the log: after a place, up to another, at most $4 of each stretch. Places are
-- client's positions; the index is by the account's hash. An account that is no value of the clinic's own type has no
-- events, and raises nothing: accounts are compared as text.
SELECT s.n, e.seq, e.epoch, e.kind, coalesce(e.account_id::text, ''), to_json(e.account_id)::text,
       coalesce(e.appointment_id::text, ''), to_json(e.appointment_id)::text, coalesce(e.doctor_id::text, ''), to_json(e.doctor_id)::text,
       e.status, e.event, e.changed_at
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS s (account, after, up_to, n)
CROSS JOIN LATERAL (
    SELECT *
    FROM notifier.event AS o
    WHERE o.account_hash = hashtextextended(s.account COLLATE "C", 0) AND o.account_id::text COLLATE "C" = s.account
      AND o.seq > s.after AND o.seq <= s.up_to
    ORDER BY o.seq
    LIMIT $4
) AS e
ORDER BY s.n, e.seq
