-- Who has locked the row of head: its transaction is in the row's xmax, and holds a lock on its own number. A pump
-- that works holds it for milliseconds.
SELECT l.pid, coalesce(a.usename, ''), coalesce(a.application_name, '')
FROM notifier.head AS h
JOIN pg_locks AS l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = h.xmax
LEFT JOIN pg_stat_activity AS a USING (pid)
WHERE l.pid IS NOT NULL
