-- Change appointments to a status, and note which were changed. Locked in one order, so that the clinic's own
-- transactions do not deadlock one another.
WITH wanted AS (
    SELECT a.id FROM appointments AS a WHERE a.id = ANY ($1) ORDER BY a.id FOR NO KEY UPDATE
), changed AS (
    UPDATE appointments AS a SET "statusId" = s.id, "updatedAt" = now()
    FROM appointment_status AS s, wanted AS w
    WHERE a.id = w.id AND s.code::text = $2 AND a."statusId" <> s.id
    RETURNING a.id, a."accountId", a."doctorId"
)
INSERT INTO chaos.change (appointment_id, account_id, doctor_id, status)
SELECT c.id, c."accountId", c."doctorId", $2 FROM changed AS c
WHERE $2 IN ('FINALIZADO', 'CANCELADO')
