-- The clinic's statuses beside the routes.
SELECT s.status, coalesce(s.id, ''), coalesce(s.event, ''), coalesce(s.releases_doctor, false) FROM notifier.statuses() AS s
