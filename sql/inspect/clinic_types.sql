-- The outbox has the types of the clinic's own ids: $1 appointments (an oid as text), $2 its columns of id, account and doctor.
SELECT s.attname::text, format_type(s.atttypid, NULL), c.attname::text, format_type(c.atttypid, NULL)
FROM unnest(ARRAY['appointment_id', 'account_id', 'doctor_id'], $2::text[]) AS t (ours, theirs)
JOIN pg_attribute AS c ON c.attrelid = $1::text::oid AND c.attname = t.theirs
JOIN pg_attribute AS s ON s.attrelid = (SELECT r.oid FROM pg_class AS r JOIN pg_namespace AS n ON n.oid = r.relnamespace
                                        WHERE n.nspname = 'notifier' AND r.relname = 'staging') AND s.attname = t.ours
WHERE s.atttypid <> c.atttypid
ORDER BY 1
