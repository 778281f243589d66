-- What this role may do that serve has no use for: $1 the clinic's tables (oids as text), $2 the appointments, $3 the owner role.
SELECT current_user::text, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolbypassrls, r.rolreplication,
       coalesce((SELECT pg_has_role(o.oid, 'MEMBER') FROM pg_roles AS o WHERE o.rolname = $3::text), false),
       (SELECT pg_has_role(c.relowner, 'MEMBER') FROM pg_class AS c WHERE c.oid = $2::text::oid),
       coalesce((SELECT string_agg(t.oid::regclass::text, ', ' ORDER BY t.oid::regclass::text)
                 FROM (SELECT DISTINCT x::oid AS oid FROM unnest($1::text[]) AS x) AS t
                 WHERE has_table_privilege(t.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(t.oid, 'INSERT, UPDATE')), '')
FROM pg_roles AS r WHERE r.rolname = current_user
