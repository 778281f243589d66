-- Also where the doctor is busy already: the application takes his row, as whoever decides about him should.
WITH attending AS (
    UPDATE doctors AS d SET "isBusy" = true FROM appointments AS a WHERE a.id = $1 AND d.id = a."doctorId" RETURNING d.id
)
INSERT INTO chaos.attended (doctor_id) SELECT d.id FROM attending AS d
