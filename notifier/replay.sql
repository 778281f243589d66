-- The events of one account after a client's position, up to where its live stream starts. The index is by the
-- account's hash.
SELECT e.seq, e.epoch, coalesce(e.account_id::text, ''), e.appointment_id::text,
       to_json(e.account_id)::text, to_json(e.appointment_id)::text, e.event, e.changed_at
FROM notifier.event AS e
WHERE e.account_hash = hashtextextended($1::text COLLATE "C", 0) AND e.account_id::text COLLATE "C" = $1
  AND e.seq > $2 AND e.seq <= $3
ORDER BY e.seq
LIMIT $4
