-- What a session of this role begins with: reset_val, since these transactions have set some of them for themselves.
SELECT s.name, s.reset_val, coalesce(s.unit, '') FROM pg_settings AS s
WHERE s.name IN ('default_transaction_isolation', 'enable_seqscan', 'jit', 'statement_timeout', 'lock_timeout',
                 'idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
ORDER BY s.name
