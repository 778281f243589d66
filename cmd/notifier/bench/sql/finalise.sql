-- What the clinic's application does at the end of a visit. $1: appointments.
UPDATE appointments
SET "statusId" = (SELECT id FROM appointment_status WHERE code = 'FINALIZADO'),
    "updatedAt" = clock_timestamp() AT TIME ZONE 'UTC'
WHERE id = ANY ($1::int[]);
