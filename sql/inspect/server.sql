-- Which server answers, and can it be written to? reset_val is what a session of this role has in this database.
SELECT current_setting('server_version_num')::integer, current_setting('server_version'), pg_is_in_recovery(),
       (SELECT s.reset_val FROM pg_settings AS s WHERE s.name = 'default_transaction_read_only')
