-- The waiting list of account $1 on day $2 and the day before (a demo left
-- running at midnight keeps its list): what is neither finished, cancelled
-- nor missed.
SELECT
    a.id,
    a."startTime",
    a."endTime",
    a."updatedAt",
    s.id,
    s.code::text,
    s.name,
    s.color,
    d.id,
    d.name,
    p.name,
    ARRAY(
        SELECT pr.name
        FROM appointment_procedures ap
        JOIN procedures pr ON pr.id = ap."procedureId"
        WHERE ap."appointmentId" = a.id
        ORDER BY pr.id
    )
FROM appointments a
JOIN appointment_status s ON s.id = a."statusId"
JOIN doctors d ON d.id = a."doctorId"
JOIN patients p ON p.id = a."patientId"
WHERE a."accountId" = $1
  AND a.date >= $2::timestamp - interval '1 day'
  AND a.date <= $2::timestamp
  AND a."deletedAt" IS NULL
  AND s.code IN ('AGENDADO', 'CHECKIN', 'EM_ATENDIMENTO')
ORDER BY a.date, a."startTime", a.id
