-- Which of the columns that were noted are gone: $1 tables (oids as text), $2 names.
SELECT t.tab::oid::regclass::text, t.name
FROM unnest($1::text[], $2::text[]) AS t (tab, name)
WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = t.tab::oid AND a.attname = t.name AND a.attnum > 0 AND NOT a.attisdropped)
ORDER BY 1, 2
