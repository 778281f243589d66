-- What a DBA meets in schema notifier: tables, views and functions; and, told apart, the indexes and sequences that belong to tables.
SELECT relname::text, relkind IN ('r', 'p', 'v', 'm') FROM pg_catalog.pg_class WHERE relnamespace = 'notifier'::regnamespace
UNION
SELECT proname::text, true FROM pg_catalog.pg_proc WHERE pronamespace = 'notifier'::regnamespace
