-- The columns that are looked up, as tables ($1, oids as text) and columns ($2), and ours: which has no usable index that begins with it,
-- and which unusable one it has.
WITH wanted AS (
    SELECT t.tab::oid AS tab, t.col, '' AS rest, false AS partial FROM unnest($1::text[], $2::text[]) AS t (tab, col)
    UNION
    SELECT c.oid, v.col, v.rest, v.partial
    FROM (VALUES ('staging', 'id', '', false), ('event', 'seq', '', false), ('event', 'account_hash', 'seq', false), ('epoch', 'epoch', '', false),
                 ('effect', 'seq', '', false), ('effect', 'seq', '', true), ('daemon', 'id', '', false)) AS v (tab, col, rest, partial)
    JOIN pg_class AS c ON c.relname = v.tab AND c.relnamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = 'notifier')
), candidates AS (
    SELECT w.*, i.indexrelid, i.indisvalid AND i.indisready AND i.indislive AS usable
    FROM wanted AS w
    LEFT JOIN pg_index AS i ON i.indrelid = w.tab AND (i.indpred IS NOT NULL) = w.partial
         AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = w.tab AND a.attnum = i.indkey[0] AND a.attname = w.col)
         AND (w.rest = '' OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = w.tab AND a.attnum = i.indkey[1] AND a.attname = w.rest))
)
SELECT h.tab::regclass::text, quote_ident(h.col) || CASE WHEN h.rest <> '' THEN ', ' || quote_ident(h.rest) ELSE '' END, h.partial,
       coalesce(min(h.indexrelid::regclass::text), '')
FROM candidates AS h
GROUP BY h.tab, h.col, h.rest, h.partial
HAVING NOT coalesce(bool_or(h.usable), false)
ORDER BY 1, 2
