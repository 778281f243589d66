-- What has become of the day $2 of account $1 so far.
SELECT
    count(*) FILTER (WHERE s.code = 'FINALIZADO'),
    count(*) FILTER (WHERE s.code = 'CANCELADO'),
    count(*) FILTER (WHERE s.code = 'FALTOU')
FROM appointments a
JOIN appointment_status s ON s.id = a."statusId"
WHERE a."accountId" = $1
  AND a.date = $2
  AND a."deletedAt" IS NULL
