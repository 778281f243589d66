-- What is applied.
SELECT m.version_id FROM notifier.migration AS m WHERE m.is_applied AND m.version_id > 0 ORDER BY 1
