-- How the log is doing, for a look every two seconds: counts stop at a bound, and what is looked at is found by
-- indexes. Ages are differences of the database's own clock. An effect is failing when its last try ended with an
-- SQLSTATE, or when none was possible though it has been due for $1 seconds (somebody holds the doctor).
SELECT h.seq, h.epoch,
       (SELECT count(*) FROM (SELECT FROM notifier.staging LIMIT 100000) AS s),
       coalesce(extract(epoch FROM clock_timestamp() - (
           SELECT min(o.changed_at) FROM (SELECT s.changed_at FROM notifier.staging AS s ORDER BY s.id LIMIT 100) AS o)), 0)::float8,
       e.waiting, e.failing, coalesce(e.first_failing, 0), coalesce(e.first_problem, ''),
       pg_notification_queue_usage()
FROM notifier.head AS h
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting,
           count(*) FILTER (WHERE w.failing) AS failing,
           min(w.seq) FILTER (WHERE w.failing) AS first_failing,
           (array_agg(w.problem ORDER BY w.seq) FILTER (WHERE w.failing))[1] AS first_problem
    FROM (SELECT f.seq, f.problem,
                 coalesce(f.problem <> 'guarded', false) OR f.retry_at < clock_timestamp() - make_interval(secs => $1) AS failing
          FROM notifier.effect AS f WHERE f.outcome IS NULL ORDER BY f.seq LIMIT 10000) AS w
) AS e
