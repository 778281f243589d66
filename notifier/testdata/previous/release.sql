-- Settle the effects that are due, and those of doctors with an event after $2.
SELECT r.seq, coalesce(r.outcome, ''), coalesce(r.problem, '') FROM notifier.release($1, $2) AS r
