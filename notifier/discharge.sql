-- This daemon ends.
SELECT notifier.discharge($1)
