-- Where the oldest epoch after $1 began: what was numbered beyond that place before is lost.
SELECT min(o.after_seq) FROM notifier.epoch AS o WHERE o.epoch > $1
