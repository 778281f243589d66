-- The columns of what clients are sent, each with its type and what that is a domain of; and the type that the outbox has for the id.
SELECT a.attname::text, format_type(a.atttypid, NULL), format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL),
       coalesce((SELECT format_type(s.atttypid, NULL) FROM pg_attribute AS s
                 WHERE s.attrelid = (SELECT c.oid FROM pg_class AS c WHERE c.relname = 'staging' AND c.relnamespace = v.relnamespace)
                   AND s.attname = 'appointment_id'), '')
FROM pg_class AS v JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type AS t ON t.oid = a.atttypid
WHERE v.relname = 'appointment_dto' AND v.relnamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = 'notifier')
ORDER BY a.attnum
