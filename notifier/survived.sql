-- Is epoch $1 one of this log's, and up to where is what was numbered until $2 still in it? A later epoch began
-- where its server found the log's end; what an older one had numbered beyond is lost.
SELECT coalesce(bool_or(o.epoch = $1), false),
       least($2, min(o.after_seq) FILTER (WHERE o.epoch > $1))
FROM notifier.epoch AS o
