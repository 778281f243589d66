-- This daemon runs, and reads events of these kinds; who has not said so for a minute is removed.
SELECT notifier.enlist($1, $2, $3, $4, $5::text[])
