-- What clients are sent of doctors: ids come as JSON.
SELECT d.id::text, coalesce(d.account_id::text, ''), to_json(d.id)::text, to_json(d.account_id)::text, coalesce(d.is_busy, false)::text
FROM notifier.doctor_dto AS d
WHERE d.id = ANY ($1)
