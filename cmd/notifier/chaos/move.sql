-- An appointment goes to the next account.
UPDATE appointments AS a SET "accountId" = 1 + a."accountId" % 4 WHERE a.id = $1
