-- The first statement of a connection, with the pid that it was told at login. Where another backend answers there is
-- a pooler in between, and settings would stay with a backend that is not ours to keep.
SELECT CASE WHEN pg_backend_pid() = $1::bigint THEN
           set_config('default_transaction_isolation', 'read committed', false) IS NOT NULL
           AND set_config('enable_seqscan', 'off', false) IS NOT NULL
           AND set_config('jit', 'off', false) IS NOT NULL
       ELSE false END AS direct
