-- Books a patient of account $1 who has nothing open, with any of its doctors,
-- on day $2 from $3 to $4, for $5 procedures.
WITH patient AS (
    SELECT p.id
    FROM patients p
    WHERE p."accountId" = $1
      AND NOT EXISTS (
          SELECT FROM appointments a
          JOIN appointment_status s ON s.id = a."statusId"
          WHERE a."patientId" = p.id
            AND a."accountId" = $1
            AND a.date = $2
            AND s.code IN ('AGENDADO', 'CHECKIN', 'EM_ATENDIMENTO')
      )
    ORDER BY random()
    LIMIT 1
), doctor AS (
    SELECT d.id
    FROM doctors d
    WHERE d."accountId" = $1
    ORDER BY random()
    LIMIT 1
), booked AS (
    INSERT INTO appointments
        (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
    SELECT $2, $3, $4, $1, doctor.id, patient.id, s.id
    FROM patient, doctor, appointment_status s
    WHERE s.code = 'AGENDADO'
    RETURNING id
)
INSERT INTO appointment_procedures ("appointmentId", "procedureId")
SELECT booked.id, chosen.id
FROM booked, (SELECT id FROM procedures ORDER BY random() LIMIT $5) AS chosen
