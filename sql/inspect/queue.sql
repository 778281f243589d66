-- How full is the server's queue of NOTIFY, and which sessions have been in a transaction for longest? Their start is NULL for who may not see it.
SELECT pg_notification_queue_usage(),
       coalesce((SELECT string_agg(b.pid::text, ', ') FROM (
           SELECT a.pid FROM pg_stat_activity AS a WHERE a.xact_start < clock_timestamp() - interval '1 minute' ORDER BY a.xact_start LIMIT 3) AS b), '')
