-- The events after a position, in their order.
SELECT e.seq, e.epoch, e.kind, coalesce(e.account_id::text, ''), to_json(e.account_id)::text,
       coalesce(e.appointment_id::text, ''), to_json(e.appointment_id)::text, coalesce(e.doctor_id::text, ''), to_json(e.doctor_id)::text,
       e.status, e.event, e.changed_at
FROM notifier.event AS e
WHERE e.seq > $1
ORDER BY e.seq
LIMIT $2
