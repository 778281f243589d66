-- Moves appointment $1 of account $2 to status $3, if it is in one of the
-- statuses $4. The stamp is taken as late as SQL can, right before COMMIT, and
-- rounded down, so that a time measured from it is never flattered.
UPDATE appointments
SET "statusId"  = (SELECT id FROM appointment_status WHERE code = $3::text::"AppointmentStatusEnum"),
    "updatedAt" = date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'UTC')
WHERE id = $1
  AND "accountId" = $2
  AND "deletedAt" IS NULL
  AND "statusId" IN (SELECT id FROM appointment_status WHERE code::text = ANY ($4))
RETURNING "doctorId"
