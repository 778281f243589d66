-- What clients are sent of an appointment: a row for each of its procedures, or one without. The floor and the NestJS gateway ask by this statement.
SELECT a.id,
       to_char(a.date, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS date,
       a."startTime",
       a."endTime",
       a.notes,
       a."accountId",
       to_char(a."createdAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "createdAt",
       to_char(a."updatedAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "updatedAt",
       to_char(a."deletedAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "deletedAt",
       d.id AS "doctorId",
       d.name AS "doctorName",
       p.id AS "patientId",
       p.name AS "patientName",
       c.id AS "contactId",
       c.phone,
       s.id AS "statusId",
       s.name AS "statusName",
       s.color AS "statusColor",
       r.id AS "procedureId",
       r.name AS "procedureName",
       trim_scale(r.price)::text AS "procedurePrice"
FROM appointments AS a
JOIN doctors AS d ON d.id = a."doctorId"
JOIN patients AS p ON p.id = a."patientId"
JOIN appointment_status AS s ON s.id = a."statusId"
LEFT JOIN contacts AS c ON c."patientId" = p.id
LEFT JOIN appointment_procedures AS x ON x."appointmentId" = a.id
LEFT JOIN procedures AS r ON r.id = x."procedureId"
WHERE a.id = $1
ORDER BY r.id
