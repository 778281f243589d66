-- $2 ids of the table $1, from its sequence: the first, and the last.
SELECT min(id), max(id)
FROM (SELECT nextval(pg_get_serial_sequence($1, 'id')) AS id FROM generate_series(1, $2::int)) AS reserved;
