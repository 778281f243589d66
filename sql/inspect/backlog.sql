-- Do the tables of one row have theirs, what waits to be numbered, and how many daemons are here? Those that are
-- alone (--peer-addr off) do not enlist, and are known by their listener; those that have lost theirs by the list.
SELECT (SELECT count(*) FROM notifier.head), (SELECT count(*) FROM notifier.setting), (SELECT count(*) FROM notifier.cut),
       (SELECT count(*) FROM (SELECT FROM notifier.staging LIMIT 100000) AS s),
       coalesce((SELECT extract(epoch FROM clock_timestamp() - min(o.changed_at))
                 FROM (SELECT s.changed_at FROM notifier.staging AS s ORDER BY s.id LIMIT 100) AS o), 0)::float8,
       greatest((SELECT count(*) FROM notifier.daemon AS d WHERE d.seen_at > clock_timestamp() - interval '1 minute'),
                (SELECT count(*) FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.application_name IN ('notifier listen', 'notifier listener')))
