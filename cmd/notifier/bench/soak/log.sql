-- The log in its order: whose event it is, and what it is about.
SELECT account_id, appointment_id FROM notifier.event WHERE appointment_id IS NOT NULL ORDER BY seq;
