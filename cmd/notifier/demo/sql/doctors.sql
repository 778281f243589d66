-- The doctors of account $1, free or busy, in a fixed order.
SELECT id, name, "isBusy"
FROM doctors
WHERE "accountId" = $1
ORDER BY id
