-- What the database knows of the events of one appointment, or of one test, the newest first. No index finds them: somebody asks now and then, and the
-- log is read through.
SELECT e.epoch, e.seq, e.event, coalesce(e.from_status, ''), e.status, coalesce(e.account_id::text, ''), e.changed_at, e.numbered_at,
       CASE WHEN f.seq IS NULL THEN '' ELSE coalesce(f.outcome, f.problem, 'waiting') END, f.tries, f.settled_at, f.retry_at
FROM notifier.event AS e
LEFT JOIN notifier.effect AS f ON f.seq = e.seq
WHERE e.kind = 'appointment' AND e.appointment_id::text = $1 OR e.kind = 'test' AND e.status = $1
ORDER BY e.seq DESC
LIMIT $2
