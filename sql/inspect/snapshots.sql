-- Who has the oldest snapshot, which keeps vacuum from its work in all databases: sessions, prepared transactions, replication slots.
-- Everybody may see how many transactions old it is; since when, only its own role and pg_monitor.
SELECT x.what, x.age, x.remedy FROM (
    SELECT format('session %s of role %s (%s)', a.pid, coalesce(a.usename, '?'), coalesce(nullif(a.application_name, ''), 'no application name')),
           age(a.backend_xmin), format('SELECT pg_terminate_backend(%s);', a.pid)
    FROM pg_stat_activity AS a WHERE a.backend_xmin IS NOT NULL AND a.pid <> pg_backend_pid()
    UNION ALL
    SELECT format('prepared transaction %L', p.gid), age(p.transaction), format('ROLLBACK PREPARED %L;  -- or COMMIT, in its database', p.gid)
    FROM pg_prepared_xacts AS p
    UNION ALL
    SELECT format('replication slot %I', r.slot_name), greatest(age(r.xmin), age(r.catalog_xmin)), format('SELECT pg_drop_replication_slot(%L);', r.slot_name)
    FROM pg_replication_slots AS r WHERE r.xmin IS NOT NULL
) AS x (what, age, remedy)
ORDER BY x.age DESC LIMIT 1
