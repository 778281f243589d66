-- Every trigger that calls one of our functions ($2), on whatever table: $1 the one that it is for (an oid as text). kind is its tgtype: 5 is AFTER
-- INSERT of each row, 17 AFTER UPDATE. place: here, on a partition of that table, or elsewhere. The last is what stands behind
-- WHEN, without quotes and brackets.
SELECT quote_ident(t.tgname), t.tgrelid::regclass::text,
       CASE WHEN t.tgrelid = $1::text::oid THEN 'here' WHEN t.tgparentid <> 0 THEN 'partition' ELSE 'elsewhere' END,
       t.tgenabled::text, t.tgtype::integer, t.tgattr::text <> '',
       coalesce(translate(substring(pg_get_triggerdef(t.oid) FROM ' WHEN (.*) EXECUTE FUNCTION '), '"()', ''), '')
FROM pg_trigger AS t
WHERE t.tgfoid = (SELECT p.oid FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
                  WHERE n.nspname = 'notifier' AND p.proname = $2::text)
ORDER BY 3, 2, 1
