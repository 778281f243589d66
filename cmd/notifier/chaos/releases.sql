-- Releases that were made; those that wait because their doctor serves; and what must not be: finalisations that asked
-- for nothing, or for another doctor; doctors whose releases are not those of the log; releases of doctors who served at
-- that moment; releases that were said to be needless though their doctor had been busy for half a second, which is
-- longer than the clinic takes to commit; and doctors who are busy though they serve nobody and something was finalised
-- after they had begun (a while after: the times are of statements, not of commits).
SELECT (SELECT count(*) FROM chaos.freed),
       (SELECT count(*) FROM notifier.effect AS e WHERE e.outcome = 'guarded' OR e.problem = 'guarded'),
       (SELECT count(*) FROM notifier.event AS l JOIN appointments AS a ON a.id = l.appointment_id
        WHERE l.status = 'FINALIZADO'
          AND NOT EXISTS (SELECT FROM notifier.effect AS e WHERE e.seq = l.seq AND e.doctor_id = a."doctorId")),
       (SELECT count(*) FROM doctors AS d
        WHERE (SELECT count(*) FROM chaos.freed AS f WHERE f.doctor_id = d.id) IS DISTINCT FROM
              (SELECT count(*) FROM chaos.released AS e WHERE e.doctor_id = d.id)),
       (SELECT count(*) FROM chaos.freed AS f WHERE f.serving),
       (SELECT count(*) FROM notifier.effect AS e
        WHERE e.outcome = 'was_free'
          AND (SELECT max(b.at) FROM chaos.attended AS b
               WHERE b.doctor_id = e.doctor_id AND b.at < e.settled_at - interval '500 ms') >
              coalesce((SELECT max(f.at) FROM chaos.freed AS f
                        WHERE f.doctor_id = e.doctor_id AND f.at <= e.settled_at), '-infinity')),
       (SELECT count(*) FROM doctors AS d
        WHERE d."isBusy"
          AND NOT EXISTS (SELECT FROM appointments AS a JOIN appointment_status AS s ON s.id = a."statusId"
                          WHERE a."doctorId" = d.id AND s.code = 'EM_ATENDIMENTO')
          AND (SELECT max(c.at) FROM chaos.change AS c WHERE c.doctor_id = d.id AND c.status = 'FINALIZADO')
              > (SELECT max(b.at) FROM chaos.attended AS b WHERE b.doctor_id = d.id) + interval '2 s')
