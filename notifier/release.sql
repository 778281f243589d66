-- Settle the effects that are due, and those of doctors with an event after $2. Where doctors have a trigger of ours, it does not
-- ring here: whose commit a NOTIFY rides on may stand in line behind others, and this one holds doctors. The feed looks
-- again soon after every event.
WITH quiet AS MATERIALIZED (SELECT set_config('notifier.rung', '1', true) = '1' AS quiet)
SELECT r.seq, coalesce(r.outcome, ''), coalesce(r.problem, '')
FROM quiet AS q CROSS JOIN LATERAL notifier.release(CASE WHEN q.quiet THEN $1::integer END, $2::bigint) AS r
