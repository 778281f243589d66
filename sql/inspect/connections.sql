-- How many connections may this role have, and how many are taken? -1: no limit.
SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
           - coalesce(current_setting('reserved_connections', true), '0')::integer,
       (SELECT count(*)::integer FROM pg_stat_activity AS a WHERE a.datid IS NOT NULL AND a.pid <> pg_backend_pid()),
       r.rolconnlimit, (SELECT count(*)::integer FROM pg_stat_activity AS a WHERE a.usesysid = r.oid AND a.pid <> pg_backend_pid()),
       d.datconnlimit, (SELECT count(*)::integer FROM pg_stat_activity AS a WHERE a.datid = d.oid AND a.pid <> pg_backend_pid()),
       r.rolname::text, d.datname::text
FROM pg_roles AS r CROSS JOIN pg_database AS d
WHERE r.rolname = current_user AND d.datname = current_database()
