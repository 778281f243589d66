-- Releases that wait, and those of them whose last try ended with an error or that nobody could try for 30 s.
SELECT count(*), count(*) FILTER (WHERE w.failing), coalesce((array_agg(w.problem ORDER BY w.seq) FILTER (WHERE w.failing))[1], '')
FROM (SELECT f.seq, f.problem,
             coalesce(f.problem <> 'guarded', false) OR f.retry_at < clock_timestamp() - interval '30 seconds' AS failing
      FROM notifier.effect AS f WHERE f.outcome IS NULL ORDER BY f.seq LIMIT 10000) AS w
