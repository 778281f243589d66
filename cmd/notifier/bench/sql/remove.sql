-- Everything of these accounts. $1: accounts, $2: the procedure.
WITH appointment AS (
    DELETE FROM appointments WHERE "accountId" = ANY ($1::int[])
)
DELETE FROM contacts USING patients WHERE contacts."patientId" = patients.id AND patients."accountId" = ANY ($1::int[]);
