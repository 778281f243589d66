-- Is the log complete from each of these cursors on? Its epoch must be one of ours, its number must have survived
-- every later epoch, must not lie ahead of the log, and the retention must not have cut behind it.
SELECT (c.epoch = h.epoch OR EXISTS (SELECT FROM notifier.epoch AS o WHERE o.epoch = c.epoch))
   AND NOT EXISTS (SELECT FROM notifier.epoch AS o WHERE o.epoch > c.epoch AND o.after_seq < c.seq)
   AND c.seq <= h.seq
   AND c.seq >= coalesce((SELECT min(e.seq) - 1 FROM notifier.event AS e WHERE e.seq > (SELECT u.seq FROM notifier.cut AS u)), h.seq)
FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS c (epoch, seq, n)
CROSS JOIN notifier.head AS h
ORDER BY c.n
