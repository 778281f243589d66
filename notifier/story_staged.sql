-- Its changes that are committed and not numbered yet.
SELECT count(*), min(s.changed_at) FROM notifier.staging AS s
WHERE s.kind = 'appointment' AND s.appointment_id::text = $1 OR s.kind = 'test' AND s.status = $1
