-- Marks doctor $1 busy; no row if that is so already.
UPDATE doctors
SET "isBusy" = true
WHERE id = $1
  AND NOT "isBusy"
RETURNING id
