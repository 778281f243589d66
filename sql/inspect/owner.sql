-- Can the owner role, with whose rights our functions run, do what they do? $1 its name, $2 the clinic's tables (oids as text),
-- $3 the doctors, $4 their busy column. No row: there is no such role.
SELECT o.rolcanlogin,
       coalesce((SELECT string_agg(t.oid::regclass::text, ',' ORDER BY t.oid::regclass::text) FROM (SELECT DISTINCT x::oid AS oid FROM unnest($2::text[]) AS x) AS t
                 WHERE NOT has_table_privilege(o.oid, t.oid, 'SELECT')), ''),
       coalesce((SELECT string_agg(DISTINCT quote_ident(n.nspname), ',') FROM unnest($2::text[]) AS x
                 JOIN pg_class AS c ON c.oid = x::oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE NOT has_schema_privilege(o.oid, n.oid, 'USAGE')), ''),
       has_column_privilege(o.oid, $3::text::oid, $4::text, 'UPDATE'),
       -- Row level security hides every row from whom no policy names.
       coalesce((SELECT string_agg(DISTINCT c.oid::regclass::text, ',') FROM unnest($2::text[]) AS x JOIN pg_class AS c ON c.oid = x::oid
                 WHERE c.relrowsecurity AND NOT o.rolbypassrls AND NOT o.rolsuper AND c.relowner <> o.oid
                   AND NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('*', 'r')
                                   AND (p.polroles = '{0}' OR o.oid = ANY (p.polroles)))), '')
FROM pg_roles AS o WHERE o.rolname = $1::text
