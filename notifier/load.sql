-- What clients are sent, for a batch of appointments. Ids come as JSON, times as UTC text with milliseconds
-- (the transaction's time zone is UTC, so a column with a time zone and one without read alike).
SELECT d.id::text,
       coalesce(d.account_id::text, ''),
       to_json(d.id)::text,
       to_json(d.account_id)::text,
       to_char(d.date::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       CASE WHEN pg_typeof(d.start_time) = 'time'::regtype THEN left(d.start_time::text, 5) ELSE d.start_time::text END,
       CASE WHEN pg_typeof(d.end_time) = 'time'::regtype THEN left(d.end_time::text, 5) ELSE d.end_time::text END,
       d.notes::text,
       to_char(d.created_at::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(d.updated_at::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(d.deleted_at::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_json(d.doctor_id)::text,
       d.doctor_name::text,
       to_json(d.patient_id)::text,
       d.patient_name::text,
       coalesce(d.has_contact, false)::text,
       d.contact_phone::text,
       to_json(d.status_id)::text,
       d.status_name::text,
       d.status_color::text,
       d.procedures::text
FROM notifier.appointment_dto AS d
WHERE d.id = ANY ($1)
