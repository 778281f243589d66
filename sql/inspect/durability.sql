-- What a crash of the server would take with it.
SELECT s.name, s.reset_val FROM pg_settings AS s WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY 1
