-- What the database was migrated with.
SELECT s.names::text, s.bell FROM notifier.setting AS s
