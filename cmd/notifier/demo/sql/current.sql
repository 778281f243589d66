-- Why an appointment could not be moved: the status it is in.
SELECT s.code::text, s.name
FROM appointments a
JOIN appointment_status s ON s.id = a."statusId"
WHERE a.id = $1
  AND a."accountId" = $2
  AND a."deletedAt" IS NULL
