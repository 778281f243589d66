-- How many daemons listen on this database, as far as this role may know: sessions of other roles do not show their names.
SELECT count(*)
FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.application_name LIKE 'notifier listen%'
