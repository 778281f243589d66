-- An appointment to try the load with.
SELECT d.id::text FROM notifier.appointment_dto AS d ORDER BY d.id DESC LIMIT 1
