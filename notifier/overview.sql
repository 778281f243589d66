-- How it stands, for somebody who looks at it: counts stop at a bound, and what is looked at is found by indexes.
SELECT h.epoch, h.seq,
       (SELECT count(*) FROM (SELECT FROM notifier.staging LIMIT 10000) AS s),
       (SELECT count(*) FROM (SELECT FROM notifier.effect AS f WHERE f.outcome IS NULL LIMIT 10000) AS w),
       (SELECT count(*) FROM (SELECT e.numbered_at FROM notifier.event AS e ORDER BY e.seq DESC LIMIT 2000) AS m
        WHERE m.numbered_at > clock_timestamp() - interval '1 minute')
FROM notifier.head AS h
