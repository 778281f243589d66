-- How many rows a table had when it was last analysed: $1, an oid as text. -1: never.
SELECT c.reltuples::bigint FROM pg_class AS c WHERE c.oid = $1::text::oid
