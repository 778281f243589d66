-- Who has locked one of the log's tables against the pump. It touches none of them, so it does not wait either.
SELECT l.pid, coalesce(a.usename, ''), coalesce(a.application_name, '')
FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a USING (pid)
WHERE l.granted AND l.locktype = 'relation'
  AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
  AND l.relation = ANY (ARRAY['notifier.head', 'notifier.staging', 'notifier.event', 'notifier.effect']::regclass[])
  AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND l.pid IS NOT NULL
ORDER BY a.backend_start, l.pid
LIMIT 1
