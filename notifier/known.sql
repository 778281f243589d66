-- Is the log complete from a cursor on? Its epoch must be one of ours, its number must have survived every
-- later epoch, must not lie ahead of the log, and the retention must not have cut behind it.
SELECT ($1 = h.epoch OR EXISTS (SELECT FROM notifier.epoch AS o WHERE o.epoch = $1))
   AND NOT EXISTS (SELECT FROM notifier.epoch AS o WHERE o.epoch > $1 AND o.after_seq < $2)
   AND $2 <= h.seq
   AND $2 >= coalesce((SELECT min(e.seq) - 1 FROM notifier.event AS e), h.seq)
FROM notifier.head AS h
