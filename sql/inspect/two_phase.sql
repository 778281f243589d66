-- Can transactions be prepared, and are there any: in all, in this database, and the age of the oldest in seconds?
SELECT current_setting('max_prepared_transactions')::integer, count(*), count(*) FILTER (WHERE p.database = current_database()),
       coalesce(extract(epoch FROM clock_timestamp() - min(p.prepared)), 0)::float8, coalesce((array_agg(quote_literal(p.gid) ORDER BY p.prepared))[1], '')
FROM pg_prepared_xacts AS p
