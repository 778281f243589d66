-- The last events, and what became of the effects of those that have one.
SELECT e.epoch, e.seq, e.event, e.status, coalesce(e.appointment_id::text, ''), coalesce(e.account_id::text, ''),
       e.changed_at, e.numbered_at, coalesce(f.outcome, f.problem, CASE WHEN f.seq IS NOT NULL THEN 'waiting' END, ''), f.settled_at
FROM notifier.event AS e
LEFT JOIN notifier.effect AS f ON f.seq = e.seq
ORDER BY e.seq DESC
LIMIT $1
