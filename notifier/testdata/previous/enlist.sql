-- This daemon runs; who has not said so for a minute is removed.
SELECT notifier.enlist($1, $2, $3, $4)
