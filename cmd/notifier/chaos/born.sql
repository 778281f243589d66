-- An appointment that is cancelled from its beginning, like another one.
WITH born AS (
    INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
    SELECT current_date, '10:00', '10:15', a."accountId", a."doctorId", a."patientId", 6 FROM appointments AS a WHERE a.id = $1
    RETURNING id, "accountId", "doctorId"
)
INSERT INTO chaos.change (appointment_id, account_id, doctor_id, status)
SELECT b.id, b."accountId", b."doctorId", 'CANCELADO' FROM born AS b
