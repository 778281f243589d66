-- Is our table of migrations there? The catalog tells everybody.
SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
               WHERE n.nspname = 'notifier' AND c.relname = 'migration')
