-- The clinic's tables by the names that were noted: $1 keys, $2 schemas, $3 names.
SELECT t.key, coalesce(c.oid::bigint, 0), coalesce(c.oid::regclass::text, '')
FROM unnest($1::text[], $2::text[], $3::text[]) AS t (key, schema, name)
LEFT JOIN pg_namespace AS n ON n.nspname = t.schema
LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
