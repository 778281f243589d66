-- What is still to be done: rows to be numbered, and releases whose doctor does not serve.
SELECT (SELECT count(*) FROM notifier.staging),
       (SELECT count(*) FROM notifier.effect AS e
        WHERE e.outcome IS NULL AND NOT EXISTS (
            SELECT FROM appointments AS a JOIN appointment_status AS s ON s.id = a."statusId"
            WHERE a."doctorId" = e.doctor_id AND s.code = 'EM_ATENDIMENTO'))
