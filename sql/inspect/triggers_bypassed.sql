-- Who writes beside the triggers: tables that inherit from the appointments without being partitions (their rows fire their own
-- triggers only), and roles and databases whose sessions fire none. And whose triggers work on notifier's own tables. $1 the appointments
-- (an oid as text).
SELECT 'table', i.inhrelid::regclass::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = $1::text::oid AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
                  WHERE t.tgrelid = c.oid AND p.proname = 'capture' AND p.pronamespace = 'notifier'::regnamespace)
UNION ALL
SELECT CASE WHEN s.setrole = 0 THEN 'database' ELSE 'role' END, coalesce(quote_ident(r.rolname), quote_ident(current_database()))
FROM pg_db_role_setting AS s LEFT JOIN pg_roles AS r ON r.oid = s.setrole
WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
  AND EXISTS (SELECT FROM unnest(s.setconfig) AS c WHERE lower(c) = 'session_replication_role=replica')
UNION ALL
SELECT 'server', '' WHERE (SELECT s.boot_val <> s.reset_val AND s.reset_val = 'replica' AND s.source = 'configuration file'
                           FROM pg_settings AS s WHERE s.name = 'session_replication_role')
UNION ALL
SELECT 'foreign', quote_ident(t.tgname) || ' ON ' || t.tgrelid::regclass::text FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE c.relnamespace = 'notifier'::regnamespace AND NOT t.tgisinternal AND p.pronamespace <> 'notifier'::regnamespace
