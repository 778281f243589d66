-- Our tables that are emptied all the time: is autovacuum at work on them, and what has it left?
SELECT c.oid::regclass::text, coalesce(s.n_dead_tup, 0),
       EXISTS (SELECT FROM unnest(c.reloptions) AS o WHERE o IN ('autovacuum_enabled=off', 'autovacuum_enabled=false', 'autovacuum_enabled=0', 'autovacuum_enabled=no')),
       current_setting('autovacuum') = 'off'
FROM pg_class AS c LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = 'notifier')
  AND c.relname IN ('staging', 'head', 'effect', 'setting', 'cut', 'daemon')
ORDER BY 1
