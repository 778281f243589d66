-- Releases that were made; those that wait because their doctor serves; and what must not be: finalisations that asked
-- for nothing, doctors whose releases are not those of the log, and releases of doctors who served at that moment.
SELECT (SELECT count(*) FROM chaos.freed),
       (SELECT count(*) FROM notifier.effect AS e WHERE e.outcome = 'guarded' OR e.problem = 'guarded'),
       (SELECT count(*) FROM notifier.event AS l
        WHERE l.status = 'FINALIZADO' AND NOT EXISTS (SELECT FROM notifier.effect AS e WHERE e.seq = l.seq)),
       (SELECT count(*) FROM doctors AS d
        WHERE (SELECT count(*) FROM chaos.freed AS f WHERE f.doctor_id = d.id) IS DISTINCT FROM
              (SELECT count(*) FROM chaos.released AS e WHERE e.doctor_id = d.id)),
       (SELECT count(*) FROM chaos.freed AS f WHERE f.serving)
